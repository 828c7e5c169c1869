#!/bin/sh
# Makes the packs that the shipped bundles are trained on, from the archives in the folder $1, below the folder $2:
# `aligned`, faces lined up, their hair found; `tilted`, the same crops leaning as they lean, for the methods that are told
# the tilt; `sharp` and, of 256 px, `sharp-256`, lined up, their hair found, CelebA's soft photographs left out, for
# galatea, which wants the children out of both as well: scripts/leave_out_children.py, then anime2real pack hold-out.
set -eu
archives=$1 packs=$2
drawings="and the drawings belong to their makers: what is learned from them may be used for no more."
made() {
  name=$1 size=$2 crop=$3 sets=$4; shift 4
  anime2real prepare --size "$size" --crop "$crop" -o "$packs/$name" \
    --anime "$archives/anime-96.zip" "$archives/anime-256.zip" \
    --licence "non-commercial research" --rights "$sets may be used for non-commercial research alone, $drawings" "$@"
}
made aligned 128 face "CelebA, CelebAMask-HQ and FFHQ" --hair \
  --real "$archives/celeba-109.zip" "$archives/ffhq.zip" "$archives/celebamask-256.zip"
made tilted 128 tilted "CelebA, CelebAMask-HQ and FFHQ" \
  --real "$archives/celeba-109.zip" "$archives/ffhq.zip" "$archives/celebamask-256.zip"
made sharp 128 face "CelebAMask-HQ and FFHQ" --hair --real "$archives/ffhq.zip" "$archives/celebamask-256.zip"
made sharp-256 256 face "CelebAMask-HQ and FFHQ" --hair --real "$archives/ffhq.zip" "$archives/celebamask-256.zip"
