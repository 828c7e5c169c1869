#!/bin/sh
# Measures the runs of train_tilt.sh on the test pictures of PACK, as they are and turned by 15° and 30° either way:
# MEASURED/WAY-TURN.json, which tilt_table.py reads.
#
#   measure_tilt.sh PACK RUNS MEASURED WAYS...
set -eu
pack=$1 runs=$2 measured=$3
shift 3
for way in "$@"; do
  for turn in 0 15 30; do
    anime2real evaluate "$runs/tilt-$way"/bundles/* --data "$pack" --features VGG --images 500 --turn "$turn" \
      --json "$measured/$way-$turn.json"
  done
done
