#!/bin/sh
# Trains what ships, on one GPU, from the packs `aligned`, `tilted`, `sharp` and `sharp-256` in the folder $1, below the
# folder $2; scripts/held_out.txt is held back from `sharp-256` (anime2real pack hold-out). The same command resumes.
# `galatea-128` is what `galatea-styles` starts from. As `galatea` ships `galatea-ships`. Folders without spaces.
set -eu
anime2real train difference --data "$1/aligned" -o "$2/difference"
anime2real train autoencoder --preset random --data "$1/aligned" -o "$2/autoencoder-random"
anime2real train autoencoder --data "$1/aligned" -o "$2/autoencoder-matched"
anime2real train cyclegan --minutes 20 --data "$1/aligned" -o "$2/cyclegan"
anime2real train cyclegan --preset tilt --minutes 20 --data "$1/tilted" -o "$2/cyclegan-tilt"
anime2real train ugatit --minutes 20 --data "$1/aligned" -o "$2/ugatit"
hair="--hair-recolouring 0.5 --hair-weight 5"
anime2real train galatea --preset shipped-2026-11-128 --minutes 15 --data "$1/sharp" -o "$2/galatea-128"
common="--min-scale 0.65 --batch-size 32"
start="--start-from $2/galatea-start/bundles/galatea-anime-to-real --start-from $2/galatea-start/bundles/galatea-real-to-anime"
anime2real train galatea --preset shipped-2026-11 --minutes 20 --data "$1/sharp-256" -o "$2/galatea-start"
anime2real train galatea --preset shipped-2026-11-even $start --minutes 22 --data "$1/sharp-256" -o "$2/galatea-even"
anime2real train galatea --preset shipped-2026-11-details $start --minutes 22 --data "$1/sharp-256" -o "$2/galatea-details"
anime2real average "$2/galatea-details/bundles/galatea-anime-to-real" "$2/galatea-even/bundles/galatea-anime-to-real" \
  "$2/galatea-start/bundles/galatea-anime-to-real" -o "$2/galatea-average/galatea-anime-to-real"
anime2real average "$2/galatea-details/bundles/galatea-real-to-anime" "$2/galatea-start/bundles/galatea-real-to-anime" \
  --shares 11 9 -o "$2/galatea-average/galatea-real-to-anime"
average="--start-from $2/galatea-average/galatea-anime-to-real --start-from $2/galatea-average/galatea-real-to-anime"
anime2real train galatea $common $hair $average --minutes 22 --data "$1/sharp-256" -o "$2/galatea-sharp"
anime2real train galatea $common $average --minutes 22 --data "$1/sharp-256" -o "$2/galatea-hair"
anime2real train galatea $common $average --set cycle_weight=5 --minutes 22 --data "$1/sharp-256" -o "$2/galatea-loose"
anime2real average "$2/galatea-hair/bundles/galatea-anime-to-real" "$2/galatea-loose/bundles/galatea-anime-to-real" \
  "$2/galatea-average/galatea-anime-to-real" -o "$2/galatea-108/galatea-anime-to-real"
anime2real average "$2/galatea-sharp/bundles/galatea-real-to-anime" "$2/galatea-average/galatea-real-to-anime" \
  --shares 1 2 -o "$2/galatea-108/galatea-real-to-anime"
on="--start-from $2/galatea-108/galatea-anime-to-real --start-from $2/galatea-108/galatea-real-to-anime"
anime2real train galatea $common $on --minutes 22 --data "$1/sharp-256" -o "$2/galatea-crisp"
anime2real train galatea $common $on --set cycle_weight=5 --seed 2 --minutes 9.4 --data "$1/sharp-256" -o "$2/galatea-crisp-loose"
anime2real average "$2/galatea-108/galatea-anime-to-real" "$2/galatea-crisp/bundles/galatea-anime-to-real" \
  "$2/galatea-crisp-loose/bundles/galatea-anime-to-real" --shares 1 0 0 --part decoder=0,1,1 --part modulation=0,1,1 \
  -o "$2/galatea-ships/galatea-anime-to-real"
anime2real average "$2/galatea-108/galatea-real-to-anime" "$2/galatea-crisp/bundles/galatea-real-to-anime" \
  "$2/galatea-crisp-loose/bundles/galatea-real-to-anime" --shares 1 0 0 --part decoder=1,1,1 \
  -o "$2/galatea-ships/galatea-real-to-anime"
anime2real train galatea --preset shipped-2026-11-styles --minutes 20 --data "$1/sharp" -o "$2/galatea-styles" \
  --start-from "$2/galatea-128/bundles/galatea-anime-to-real" --start-from "$2/galatea-128/bundles/galatea-real-to-anime"
