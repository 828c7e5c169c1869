"""`anime2real prepare` makes a pack and lists what it left out."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from anime2real.cli.main import main

SOURCE = Path(__file__).parent.parent.parent / "src"


def test_prepare(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    random = np.random.default_rng(0)
    for side in ("A", "B"):
        for split in ("train", "test"):
            for i in range(3):
                noise = random.integers(0, 256, (20, 20, 3), np.uint8)
                path = tmp_path / "set" / f"{split}{side}" / f"{i}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(noise).save(path)
    (tmp_path / "set" / "trainA" / "bad.png").write_text("no")
    command = ["prepare", "--both", str(tmp_path / "set"), "--layout", "A=real", "B=anime", "--near", "0"]
    command += ["--crop", "auto"]
    assert main([*command, "-o", str(tmp_path / "pack"), "--size", "16", "--quiet"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["counts"] == {d: {"train": 3, "test": 3} for d in ("anime", "real")}
    assert said.err.startswith("skipped: ")
    assert said.err.count("\n") == 1
    assert (tmp_path / "pack" / "meta.json").is_file()
