"""What holds for every bundle: its input's name, pictures a call, how large it and its files may be, and ages."""

from typing import Final

IMAGE: Final = "image"
"""The name of its first input."""

BATCH: Final = 8
"""Pictures per call of the network at most."""

LEAST_BATCH: Final = 2
"""Of pictures at hand in a call by few threads. More than one a thread take as long each, and more memory; one alone is
rounded otherwise than several."""

MAX_BYTES: Final = 2 * 2**30
"""Of what it holds while it runs, besides the weights: twice what CycleGAN of 1024 px holds."""

MIN_PX: Final = 16
MAX_PX: Final = 2048
"""Of a side of its pictures."""

MAX_MANIFEST_BYTES: Final = 2**20
MAX_MODEL_BYTES: Final = 512 * 2**20
"""Of its files."""

YOUNGEST: Final = 18
OLDEST: Final = 80
"""Ages, in years, that a bundle may offer to show. Nobody younger can be asked for."""

CLOSEST: Final = 0.5
"""The least share of a face's crop that a bundle's crops may have."""

MOST_VARIANTS: Final = 16
"""Results of one picture that the program offers if a bundle takes styles."""
