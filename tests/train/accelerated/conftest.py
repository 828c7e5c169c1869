"""Interpreted kernels take as long a program as for a whole picture, so that one program sees all of it."""

import os
from importlib.util import find_spec

import pytest


@pytest.fixture(autouse=True)
def large_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Filters a channel see a picture at once where kernels are interpreted."""
    if os.environ.get("TRITON_INTERPRET") == "1" and find_spec("triton"):
        from anime2real.train.accelerated import depthwise

        monkeypatch.setattr(depthwise, "TILE", 64)
        monkeypatch.setattr(depthwise, "NUMBERS", 2**22)
