#!/bin/sh
# Measures the runs of train_tilt.sh on the test pictures of PACK, as they are and turned by 15° and 30° either way:
# MEASURED/WAY-TURN.json, which tilt_table.py reads. Drawings lean by 10° to 20° of themselves; photographs are turned.
#
#   measure_tilt.sh PACK RUNS MEASURED WAYS...
set -eu
pack=$1 runs=$2 measured=$3
shift 3
for way in "$@"; do
  bundles=$runs/tilt-$way/bundles
  anime2real evaluate "$bundles"/* --data "$pack" --images 500 --json "$measured/$way-0.json" --features VGG
  anime2real evaluate "$bundles"/*-to-anime --data "$pack" --images 500 --json "$measured/$way-15.json" --turn 15
  anime2real evaluate "$bundles"/* --data "$pack" --images 500 --json "$measured/$way-30.json" --turn 30
done
