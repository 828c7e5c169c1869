#!/bin/sh
# Trains what ships, on one GPU, from the packs `aligned`, `tilted` and `sharp` in the folder $1, below the folder $2. The
# same command resumes.
set -eu
anime2real train difference --data "$1/aligned" -o "$2/difference"
anime2real train autoencoder --pairing random --data "$1/aligned" -o "$2/autoencoder-random"
anime2real train autoencoder --pairing matched --data "$1/aligned" -o "$2/autoencoder-matched"
anime2real train cyclegan --batch-size 16 --minutes 20 --data "$1/aligned" -o "$2/cyclegan"
anime2real train cyclegan --tilt coordinates --turn 40 --minutes 20 --data "$1/tilted" -o "$2/cyclegan-tilt"
anime2real train galatea --exemplars anime-256.zip --minutes 15 --data "$1/sharp" -o "$2/galatea"
