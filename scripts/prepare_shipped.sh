#!/bin/sh
# Makes the pack that the shipped bundles were trained on, from the archives in the folder $1, as the pack $2.
set -eu
anime2real prepare --size 128 --crop auto -o "$2" \
  --anime "$1/anime-96.zip" "$1/anime-256.zip" \
  --real "$1/celeba-109.zip" "$1/ffhq.zip" "$1/celebamask-256.zip" \
  --licence "non-commercial research" \
  --rights "CelebA, CelebAMask-HQ and FFHQ may be used for non-commercial research alone, and the drawings belong to their makers: what is learned from them may be used for no more."
