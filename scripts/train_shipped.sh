#!/bin/sh
# Trains what ships, on one GPU, from the packs `aligned`, `tilted`, `sharp` and `sharp-256` in the folder $1, below the
# folder $2. The same command resumes. `galatea-128` is what `galatea` and `galatea-styles` start from.
set -eu
anime2real train difference --data "$1/aligned" -o "$2/difference"
anime2real train autoencoder --pairing random --data "$1/aligned" -o "$2/autoencoder-random"
anime2real train autoencoder --pairing matched --data "$1/aligned" -o "$2/autoencoder-matched"
anime2real train cyclegan --batch-size 16 --minutes 20 --data "$1/aligned" -o "$2/cyclegan"
anime2real train cyclegan --tilt coordinates --turn 40 --minutes 20 --data "$1/tilted" -o "$2/cyclegan-tilt"
anime2real train ugatit --minutes 20 --data "$1/aligned" -o "$2/ugatit"
anime2real train galatea --exemplars anime-256.zip --minutes 15 --data "$1/sharp" -o "$2/galatea-128"
anime2real train galatea --least-scale 0.65 --worst-weight 0.2 --minutes 20 --data "$1/sharp-256" -o "$2/galatea" \
  --start-from "$2/galatea-128/bundles/galatea-anime-to-real" --start-from "$2/galatea-128/bundles/galatea-real-to-anime"
anime2real train galatea --exemplars anime-256.zip --style-weight 1 --worst-weight 0.2 --minutes 20 \
  --data "$1/sharp" -o "$2/galatea-styles" \
  --start-from "$2/galatea-128/bundles/galatea-anime-to-real" --start-from "$2/galatea-128/bundles/galatea-real-to-anime"
