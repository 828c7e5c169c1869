#!/bin/sh
# Makes the packs that the shipped bundles are trained on, from the archives in the folder $1, below the folder $2:
# `aligned`, faces lined up; `tilted`, the same crops leaning as they lean, for the methods that are told the tilt; `sharp`, lined up, the soft
# photographs of CelebA left out and the hair found, for galatea.
set -eu
for name in aligned tilted sharp; do
  crop=face hair='' celeba="$1/celeba-109.zip"
  case $name in
    tilted) crop=tilted ;;
    sharp) hair=--hair celeba='' ;;
  esac
  # shellcheck disable=SC2086  # an option or a file, or none
  anime2real prepare --size 128 --crop $crop $hair -o "$2/$name" \
    --anime "$1/anime-96.zip" "$1/anime-256.zip" \
    --real $celeba "$1/ffhq.zip" "$1/celebamask-256.zip" \
    --licence "non-commercial research" \
    --rights "CelebA, CelebAMask-HQ and FFHQ may be used for non-commercial research alone, and the drawings belong to their makers: what is learned from them may be used for no more."
done
