"""Discriminators imported from another run: they go on where that one stopped.

Bundles hold translators alone, so that a run that starts from one has new discriminators, which harm in their first
minutes what is trained already. A checkpoint holds both. Its discriminators, without the optimizer's moments, are
loaded by their names; a `student` takes those of its own domain from a run of both.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from anime2real.errors import first_line
from anime2real.train.run import checkpoint
from anime2real.train.run.config import TrainError
from anime2real.train.run.folder import RunFolder

PREFIXES: Final = ("feature_discriminators.", "patch_discriminators.", "cam_discriminators.", "detail_discriminators.")
"""What their tensors' names begin with in a method's state."""


def discriminators_in(place: Path) -> dict[str, Tensor]:
    """The discriminators of a run's newest checkpoint, or of a safetensors file, by their names in it.

    Raises:
        TrainError: there are none, or they cannot be read.
    """
    found = checkpoint.complete(RunFolder(place).checkpoints) if place.is_dir() else [place]
    if not found:
        raise TrainError(f"{place} has no checkpoint to take discriminators from")
    file = found[-1] / checkpoint.MODEL if place.is_dir() else place
    try:
        state = load_file(file)
    except (OSError, ValueError, SafetensorError) as error:
        raise TrainError(f"{file} cannot be read: {first_line(error)}") from error
    chosen = {name: value for name, value in state.items() if name.startswith(PREFIXES)}
    if not chosen:
        raise TrainError(f"{file} holds no discriminators of galatea or student")
    return chosen


def import_discriminators(method: nn.Module, place: Path) -> None:
    """Load a method's discriminators, as `discriminators_in` finds them.

    Args:
        method: changed in place.
        place: a run folder, or a safetensors file.

    Raises:
        TrainError: as of `discriminators_in`, or the method has others.
    """
    found = discriminators_in(place)
    own: Mapping[str, Tensor] = {n: value for n, value in method.state_dict().items() if n.startswith(PREFIXES)}
    for name, value in own.items():
        if name not in found or found[name].shape != value.shape:
            what = "are otherwise" if name in found else "are not there"
            raise TrainError(f"{place} has other discriminators than this training: {name}'s weights {what}")
    method.load_state_dict({name: found[name].to(value.dtype) for name, value in own.items()}, strict=False)
