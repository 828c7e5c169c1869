#!/bin/bash
# Four runs side by side, a card each: four_runs.sh PACK RUNS MINUTES NAME... ; a run that cannot be started makes room
# for the control with another seed. Ends when all have ended. With SMOKE=STEPS they are tried instead, and with
# TOY=1 they are small and on the CPU.
set -u
here=$(cd "$(dirname "$0")" && pwd) pack=$1 runs=$2 minutes=$3; shift 3
mkdir -p "$runs"
card=0
for name in "$@"; do
  device=cuda:$card extra=()
  [ -n "${TOY:-}" ] && device=cpu extra=(--toy --batch-size 2 --samples 1 --steps 3)
  [ -n "${SMOKE:-}" ] && extra+=(--smoke "$SMOKE")
  (
    left=$minutes began=$SECONDS
    python3 "$here/train_one.py" "$name" "$pack" "$runs/$name" --device $device --minutes "$left" "${extra[@]}" \
      >"$runs/$name.log" 2>&1
    code=$?
    echo "$name ended with $code after $((SECONDS - began)) s" >>"$runs/ended.log"
    if [ $code = 1 ] && [ -z "${SMOKE:-}" ]; then
      left=$(python3 -c "print(max(1.0, $minutes - ($SECONDS - $began) / 60))")
      python3 "$here/train_one.py" G0b "$pack" "$runs/G0b" --device $device --minutes "$left" "${extra[@]}" \
        >"$runs/G0b.log" 2>&1
      echo "G0b in its place ended with $?" >>"$runs/ended.log"
    fi
  ) &
  card=$((card + 1))
done
wait
