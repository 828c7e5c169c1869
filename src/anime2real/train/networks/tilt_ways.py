"""The ways in which a network is given the tilt of a face, by name. No torch here: options and help name them too."""

from typing import Final, Literal, get_args

Tilt = Literal["none", "plane", "coordinates", "landmarks", "film", "upright"]
"""See `tilt.py`."""

WAYS: Final = get_args(Tilt)

CHANNELS: Final[dict[str, int]] = {
    "none": 0, "plane": 1, "coordinates": 2, "landmarks": 5, "film": 0, "upright": 0,
}  # fmt: skip
"""Channels that each way appends to the picture."""


def inputs_of(way: Tilt) -> tuple[str, ...]:
    """Names of the inputs that a translator conditioned this way takes beside the picture."""
    return () if way == "none" else ("landmarks",) if way == "landmarks" else ("tilt",)
