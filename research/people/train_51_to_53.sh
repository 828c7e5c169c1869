#!/bin/bash
# One of entries 51 to 53: train_51_to_53.sh NAME PACK RUN [options of `anime2real train galatea` more]
set -eu
name=$1 pack=$2 run=$3; shift 3
case $name in
  L) options=(--set eye_weight=0 --set eye_recolouring=0 --set skin_weight=0 --set skin_recolouring=0) ;;
  LC) options=() ;;
  LC2) options=(--seed 1) ;;
esac
exec python3 -m anime2real train galatea --preset people "${options[@]}" --data "$pack" -o "$run" --ema-shares 0.1 "$@"
