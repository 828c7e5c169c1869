"""Tiny bundles, and a server that offers them."""

from collections.abc import Iterator
from pathlib import Path

import live
import pytest
import tiny

from anime2real.bundle import Bundle


@pytest.fixture(scope="session")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> list[Bundle]:
    """`cyclegan` to both domains and `difference` to real, which is brighter."""
    folder: Path = tmp_path_factory.mktemp("bundles")
    return [
        tiny.write_bundle(folder / "a", tiny.model(scale=-1.0)),
        tiny.write_bundle(folder / "b", source="real", target="anime"),
        tiny.write_bundle(folder / "c", tiny.model(add=0.25), method="difference"),
    ]


@pytest.fixture(scope="session")
def server(bundles: list[Bundle]) -> Iterator[live.Live]:
    """With the limits as they are."""
    with live.running(bundles) as served:
        yield served
