#!/bin/sh
# Makes the packs that the shipped bundles are trained on, from the archives in the folder $1, below the folder $2:
# `aligned`, faces lined up; `tilted`, the same crops leaning as they lean, for the methods that are told the tilt;
# `sharp`, lined up, CelebA's soft photographs and children left out, the hair found, for galatea. $3 is the folder of
# face-api's age network, see scripts/leave_out_children.py.
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
python "$(dirname "$0")/leave_out_children.py" "$2/sharp" --model "$3"
