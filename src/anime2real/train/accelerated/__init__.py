"""The networks of `networks/`, computed so that a GPU is busy: the same functions of the same weights.

`forms.py` holds a fused form for each network that has one, `convolutions.py`, `norms.py`, `depthwise.py` and
`spectral_norm.py` what the forms are made of, `picture_kernels.py`, `gradient_kernels.py` and `moment_kernels.py` the
Triton kernels that `launches.py` launches, `depthwise_kernels.py` those of `depthwise.py`; `augment.py` and
`colours.py` hold fused forms of functions, beside files with their kernels. `parity.py` is the comparison that each run
begins with.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import MethodType

from torch import nn

REPLACED = ("forward", "classified", "normed_weight")
"""Methods of networks that a fused form may take the place of."""


def accelerate(network: nn.Module) -> None:
    """Let every part of a network that has a fused form compute by it, in place. Needs Triton."""
    from anime2real.train.accelerated.forms import FORMS  # imports Triton

    for part in network.modules():
        for method, form in FORMS.get(type(part), {}).items():
            vars(part)[method] = MethodType(form, part)


def decelerate(network: nn.Module) -> None:
    """Undo `accelerate`. Needs no Triton."""
    for part in network.modules():
        for method in REPLACED:
            vars(part).pop(method, None)


_FUSED: ContextVar[bool] = ContextVar("_FUSED", default=False)


@contextmanager
def fused_functions(on: bool) -> Iterator[None]:
    """Let functions that have a fused form compute by it inside, or not; see `functions_are_fused`."""
    before = _FUSED.set(on)
    try:
        yield
    finally:
        _FUSED.reset(before)


def functions_are_fused() -> bool:
    """Whether this is inside of a step that is to be computed by fused forms; asked by functions that have one."""
    return _FUSED.get()
