"""Bundles for the commands to use."""

from pathlib import Path

import pytest
import tiny


@pytest.fixture
def bundle(tmp_path: Path) -> str:
    """A bundle that gives negatives, drawings to people."""
    return str(tiny.write_bundle(tmp_path / "negative", tiny.model(scale=-1.0)).folder)


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three bundles that ship: cyclegan both ways, difference one."""
    folder = tmp_path / "shipped"
    tiny.ship_only(monkeypatch, folder)
    tiny.write_bundle(folder / "cyclegan-anime-to-real")
    tiny.write_bundle(folder / "cyclegan-real-to-anime", source="real", target="anime")
    tiny.write_bundle(folder / "difference-anime-to-real", tiny.model(add=0.5), method="difference")
    return folder
