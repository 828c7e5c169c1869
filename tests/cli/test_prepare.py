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
    for name in ("a.dds", "b.dds", "c.zip"):
        (tmp_path / "set" / "trainA" / name).write_text("no")
    command = ["prepare", "--both", str(tmp_path / "set"), "--layout", "A=real", "B=anime", "--near", "0"]
    command += ["--crop", "auto"]
    command += ["--size", "16", "--processes", "1", "--quiet"]
    assert main([*command, "-o", str(tmp_path / "pack"), "--json"]) == 0
    said = capsys.readouterr()
    facts = json.loads(said.out)
    assert facts["counts"] == {d: {"train": 3, "test": 3} for d in ("anime", "real")}
    assert (facts["dropped"]["not read"], facts["dropped"]["unreadable"]) == (3, 1)
    lines = said.err.splitlines()
    assert lines[0].startswith("skipped: ")
    assert lines[1:] == ["3 left out: 2 .dds: convert them; 1 inner archive: unpack"]
    meta = json.loads((tmp_path / "pack" / "meta.json").read_text())
    assert meta["left_out"] == {".dds": 2, "inner archive": 1}
    assert main([*command, "-o", str(tmp_path / "pack"), "--overwrite"]) == 0
    assert capsys.readouterr().out == (
        f"{tmp_path}/pack: 3 drawings to train on and 3 to test on, 3 photographs to train on and 3 to test on; "
        "left out: 3 not read, 1 unreadable\n"
    )


def test_what_was_seen_is_said_where_a_domain_has_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for domain in ("anime", "real"):
        (tmp_path / domain).mkdir()
    Image.new("RGB", (20, 20)).save(tmp_path / "anime" / "0.png")
    (tmp_path / "real" / "0.dds").write_text("no")
    (tmp_path / "anime" / "0.bmp.txt").write_text("no")
    command = ["prepare", "--anime", str(tmp_path / "anime"), "--real", str(tmp_path / "real"), "--size", "16"]
    assert main([*command, "-o", str(tmp_path / "pack")]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert said.endswith("(1 left out: 1 .dds: convert them)\n")
    assert main([*command, "-o", str(tmp_path / "pack"), "--processes", "0"]) == 2
    assert not (tmp_path / "pack").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--size", "33"], "multiple of 16"),
        (["--size", "16", "--test-share", "1"], "the test share must be"),
        (["--size", "16", "--crop", "centre", "--hair"], "--hair wants lined-up faces"),
        (["--size", "16", "--crop", "round"], "round"),
    ],
)
def test_bad_values_exit_with_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    assert main(["prepare", "--anime", ".", "--real", ".", "-o", str(tmp_path / "pack"), *options]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
    assert not (tmp_path / "pack").exists()
