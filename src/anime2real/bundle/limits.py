"""What holds for the model of every bundle: its input's name, how many pictures a call has, how much it may hold."""

from typing import Final

IMAGE: Final = "image"
"""The name of its first input."""

BATCH: Final = 8
"""Pictures per call of the network: enough to keep every core busy, few enough to need little memory."""

MAX_BYTES: Final = 2 * 2**30
"""Of what it holds while it runs, besides the weights: twice what CycleGAN of 1024 px holds."""
