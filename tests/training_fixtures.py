"""Toy packs for every test that trains, trainings that export nothing, or one way alone, and quicker exports."""

import functools
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toys import SHARD, SIZE, Toy, smooth_picture, with_hair, with_pairs

from anime2real.data.prepare import prepare
from anime2real.data.tar_shards import shard_packs
from anime2real.train import start
from anime2real.train.export import run as export
from anime2real.train.export.run import export_translators
from anime2real.train.method import Method


@pytest.fixture(scope="session", autouse=True)
def _functions_of_onnx_read_once() -> Iterator[None]:
    """torch reads its thousand functions of ONNX anew for each export: a quarter of the time that a small one takes."""
    with pytest.MonkeyPatch.context() as patch:
        with suppress(ImportError, AttributeError):  # where torch keeps them elsewhere, exports take their time
            from torch.onnx._internal.exporter._registration import ONNXRegistry

            patch.setattr(ONNXRegistry, "from_torchlib", staticmethod(functools.cache(ONNXRegistry.from_torchlib)))
        yield


@pytest.fixture(scope="session")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Toy:
    """Reddish drawings and bluish photographs."""
    root = tmp_path_factory.mktemp("toy")
    random = np.random.default_rng(0)
    for domain, tint in (("anime", (190, 90, 90)), ("real", (80, 90, 190))):
        (root / domain).mkdir()
        for i in range(24):
            smooth_picture(random, tint).save(root / domain / f"{i:02d}.png")
    prepare(
        [root / "anime"],
        [root / "real"],
        root / "pack",
        size=SIZE,
        crop="auto",
        test_share=0.2,
        near=0,
        processes=1,
        quiet=True,
    )
    return Toy(root / "pack", root / "anime", root / "real", with_pairs(root / "pack", root / "pairs"))


@pytest.fixture(scope="session")
def haired(toy: Toy, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toy pack with hair."""
    return with_hair(toy.pack, tmp_path_factory.mktemp("haired") / "pack")


@pytest.fixture
def _no_bundles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exporting takes longer than training here."""
    monkeypatch.setattr(start, "export_translators", lambda *_: [])


@pytest.fixture
def _one_bundle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where one way will do: the other takes as long again."""

    def first(method: Method, *arguments: Any) -> list[Path]:
        translators = method.translators()[:1]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(method, "translators", lambda: translators)
            return export_translators(method, *arguments)

    for module in (start, export):
        monkeypatch.setattr(module, "export_translators", first)


@pytest.fixture(scope="module")
def whole(toy: Toy, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toy pack, with hair, in one piece."""
    return with_hair(toy.pack, tmp_path_factory.mktemp("whole") / "pack")


@pytest.fixture(scope="module")
def shards(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same in shards of `SHARD` pictures."""
    folder = tmp_path_factory.mktemp("shards") / "pack"
    shard_packs([whole], folder, each=SHARD, quiet=True)
    return folder
