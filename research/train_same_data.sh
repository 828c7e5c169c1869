#!/bin/sh
# Trains methods on the same pictures and the same clock, 20 minutes each of one GPU, from the packs `sharp` and `sharp-256`
# in the folder $1, with scripts/held_out.txt held back from both (anime2real pack hold-out), below the folder $2: what the
# table of photographs that nothing learned from, in research/results-2026-11.md, measures. The same command resumes.
set -eu
anime2real train cyclegan --minutes 20 --data "$1/sharp" -o "$2/cyclegan-sharp"
anime2real train ugatit --minutes 20 --data "$1/sharp" -o "$2/ugatit-sharp"
for generator in resnet ugatit; do
  anime2real train galatea --preset shipped-2026-11 --set generator=$generator --minutes 20 \
    --data "$1/sharp-256" -o "$2/galatea-$generator"
done
further="--ema-shares 0.1 --ema-shares 0.25"
anime2real train galatea --min-scale 0.65 $further --minutes 20 --data "$1/sharp-256" -o "$2/galatea-whole"
anime2real train galatea --min-scale 0.65 $further --minutes 20 --data "$1/sharp-256" -o "$2/galatea-whole-16" --batch-size 16
