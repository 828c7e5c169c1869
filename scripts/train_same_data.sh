#!/bin/sh
# Trains methods on the same pictures and the same clock, 20 minutes each of one GPU, from the packs `sharp` and `sharp-256`
# in the folder $1, with scripts/held_out.txt held back from both (scripts/hold_out.py), below the folder $2: what the
# table of photographs that nothing learned from, in docs/results.md, measures. The same command resumes.
set -eu
anime2real train cyclegan --minutes 20 --data "$1/sharp" -o "$2/cyclegan-sharp"
anime2real train ugatit --minutes 20 --data "$1/sharp" -o "$2/ugatit-sharp"
anime2real train galatea --least-scale 0.65 --worst-weight 0.2 --minutes 20 --data "$1/sharp-256" -o "$2/galatea-resnet"
anime2real train galatea --generator ugatit --least-scale 0.65 --worst-weight 0.2 --minutes 20 \
  --data "$1/sharp-256" -o "$2/galatea-ugatit"
whole="--generator ugatit --least-scale 0.65 --match-hair 0.35 --worst-weight 0.2 --attentive-weight 1 --detail-weight 0.5"
hair="--dye 0.8 --hair-weight 10"
for batch in 16 8; do
  anime2real train galatea $whole $hair --batch-size $batch --further-averages 0.1 --further-averages 0.25 --minutes 20 \
    --data "$1/sharp-256" -o "$2/galatea-whole-$batch"
done
