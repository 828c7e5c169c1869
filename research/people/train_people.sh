#!/bin/bash
# One of entries 51 to 57: train_people.sh NAME PACK RUN [options of `anime2real train galatea` more]
set -eu
name=$1 pack=$2 run=$3; shift 3
uncoloured=(--set eye_weight=0 --set eye_recolouring=0 --set skin_weight=0 --set skin_recolouring=0)
pixelwise=(--set cycle_cell=1 --set returned_share=0)
case $name in
  L) options=("${uncoloured[@]}" "${pixelwise[@]}") ;;
  LC) options=("${pixelwise[@]}") ;;
  LC2) options=("${pixelwise[@]}" --seed 1) ;;
  F) options=("${uncoloured[@]}" --set label_weight=0.3) ;;
esac
exec python3 -m anime2real train galatea --preset people "${options[@]}" --data "$pack" -o "$run" --ema-shares 0.1 "$@"
