#!/bin/sh
# The runs of research/tilt.md: ways to tell the tilt, and the input maps on and off, on the same data, clock and seed.
#
#   train_tilt.sh PACK RUNS DEVICE WAYS...
#
# PACK holds leaning faces. Photographs stand far straighter than drawings, so both are turned by up to 30° either way,
# the same for all: a discriminator that never saw a leaning photograph would call every leaning face a fake.
# WAYS are none, plane, coordinates, landmarks, film, upright, and with `maps-` before one of them, the same with the
# translations of RUNS/difference and RUNS/autoencoder-matched as further input maps.
set -eu
pack=$1 runs=$2 device=$3
shift 3
for way in "$@"; do
  maps=
  case $way in maps-*) maps="--maps $runs/difference --maps $runs/autoencoder-matched" ;; esac
  # shellcheck disable=SC2086  # two options, or none
  anime2real train cyclegan --data "$pack" -o "$runs/tilt-$way" --tilt "${way#maps-}" --turn 30 --minutes 6 --device "$device" $maps
done
