#!/bin/sh
# Trains what ships, on one GPU, from the pack $1 (aligned faces), below the folder $2. The same command resumes.
# `cyclegan-tilt` comes of train_tilt.sh (coordinates) and the pack of leaning faces: docs/tilt.md.
set -eu
anime2real train difference --data "$1" -o "$2/difference"
anime2real train autoencoder --pairing random --data "$1" -o "$2/autoencoder-random"
anime2real train autoencoder --pairing matched --data "$1" -o "$2/autoencoder-matched"
anime2real train cyclegan --batch-size 16 --minutes 20 --data "$1" -o "$2/cyclegan"
