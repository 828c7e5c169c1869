"""The commands that look at bundles and pictures."""

import json
from pathlib import Path

import pytest
import tiny
from PIL import Image

from anime2real.cli.main import main

SOURCE = Path(__file__).parent.parent.parent / "src"


def draw(path: Path, value: int = 0, size: tuple[int, int] = (tiny.PX, tiny.PX)) -> Path:
    """A picture of one colour."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (value, value, value)).save(path)
    return path


def test_inspect_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    draw(tmp_path / "a.png", size=(3, 5))
    (tmp_path / "b.png").write_text("no")
    assert main(["inspect", str(tmp_path)]) == 1
    said = capsys.readouterr()
    assert said.out == f"{tmp_path / 'a.png'}: PNG 3×5; no mark of a generated picture; no face\n"
    assert len(said.err.splitlines()) == 1


def test_methods(shipped: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["methods", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(row["method"], row["from"], row["to"]) for row in rows] == [
        ("cyclegan", "anime", "real"), ("cyclegan", "real", "anime"), ("difference", "anime", "real"),
    ]  # fmt: skip
    for row in rows:
        assert row["px"] == tiny.PX
        assert len(row["sha256"]) == 64
        assert row["licence"] == "CC0-1.0"
        assert row["default"] == (row["method"] == "cyclegan")
        size = (shipped / f"{row['method']}-{row['from']}-to-{row['to']}" / "model.onnx").stat().st_size
        assert row["megabytes"] == pytest.approx(size / 1e6, abs=0.01)
    assert main(["methods"]) == 0
    table = capsys.readouterr().out
    assert table.count("cyclegan *") == 2
    assert rows[2]["sha256"][:12] in table
