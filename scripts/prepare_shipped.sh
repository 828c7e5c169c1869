#!/bin/sh
# Makes the packs that the shipped bundles are trained on, from the archives in the folder $1, below the folder $2:
# `aligned`, faces lined up, their hair found; `tilted`, the same crops leaning as they lean, for the methods that are told the tilt.
set -eu
for crop in face tilted; do
  case $crop in face) name=aligned hair=--hair ;; *) name=$crop hair= ;; esac
  # shellcheck disable=SC2086  # an option, or none
  anime2real prepare --size 128 --crop "$crop" $hair -o "$2/$name" \
    --anime "$1/anime-96.zip" "$1/anime-256.zip" \
    --real "$1/celeba-109.zip" "$1/ffhq.zip" "$1/celebamask-256.zip" \
    --licence "non-commercial research" \
    --rights "CelebA, CelebAMask-HQ and FFHQ may be used for non-commercial research alone, and the drawings belong to their makers: what is learned from them may be used for no more."
done
