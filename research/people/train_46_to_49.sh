#!/bin/bash
# One of entries 46 to 49: train_46_to_49.sh NAME PACK RUN [options of `anime2real train galatea` more]
set -eu
name=$1 pack=$2 run=$3; shift 3
pixels=(--set decoder=pixels)
kept=(--set expressions=true)
even=(--set mirror_weight=3 --set hard_inputs=0.25)
case $name in
  P) options=("${pixels[@]}") ;;
  PE) options=("${pixels[@]}" "${kept[@]}") ;;
  PEM) options=("${pixels[@]}" "${kept[@]}" "${even[@]}") ;;
  EM) options=("${kept[@]}" "${even[@]}") ;;
esac
exec python3 -m anime2real train galatea --preset people "${options[@]}" --data "$pack" -o "$run" --ema-shares 0.1 "$@"
