"""ARCHITECTURE.md: its pictures are what the script draws, of names that exist, and its tree is the tree."""

import importlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import draw_architecture as drawing
import pytest

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
NAMES = sorted({box.name for _, rows in drawing.DRAWN.values() for row in rows for box in row.boxes})


@pytest.mark.parametrize("name", NAMES)
def test_what_a_box_names_is_there(name: str) -> None:
    """A module, or a function or class in one."""
    try:
        importlib.import_module(f"anime2real.{name}")
    except ModuleNotFoundError:
        module, _, last = name.rpartition(".")
        assert hasattr(importlib.import_module(f"anime2real.{module}"), last)


@pytest.mark.parametrize("name", sorted(drawing.DRAWN))
def test_the_pictures_are_what_the_script_draws(name: str) -> None:
    title, rows = drawing.DRAWN[name]
    text = (drawing.PICTURES / name).read_text(encoding="utf-8")
    assert text == drawing.svg(title, rows), "run python research/draw_architecture.py"
    ElementTree.fromstring(text)
    assert f"docs/pictures/{name}" in TEXT
    for row in rows:
        assert 1 <= len(row.boxes) <= len(drawing.COLUMNS)
        for box in row.boxes:
            assert len(box.name) <= 31, "it would leave its box"
            assert len(box.does) <= 39, "it would leave its box"


def test_the_tree_has_a_line_for_every_folder() -> None:
    told = set(re.findall(r"^\| `([^`]+)/` \|", TEXT, re.MULTILINE))
    # What git knows: README's first command has left a folder of results beside the project's.
    files = subprocess.run(["git", "ls-files", "--cached"], cwd=ROOT, capture_output=True, text=True).stdout
    if not files:
        pytest.skip("no repository: a source distribution")
    folders = {file.rpartition("/")[0] for file in files.splitlines() if (ROOT / file).is_file()}
    top = {folder.split("/")[0] for folder in folders if folder and not folder.startswith(".")} - {"LICENSES", "src"}
    packages = {
        folder
        for folder in folders
        if folder.startswith("src/anime2real") and any((ROOT / folder).glob("*.py")) and folder != "src/anime2real"
    }
    assert told == {"src/anime2real", "src/anime2real/bundles", *top, *packages}


def test_the_counts_and_files_are_those_of_the_trace(tmp_path: Path) -> None:
    command = [sys.executable, "research/trace_picture.py", "--json", str(tmp_path / "trace.json")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    counted = re.search(r"(\d+) files, (\d+) calls", done.stdout)
    told = re.search(r"crosses (\d+) files, with (\d+) calls", TEXT.replace("\n", " "))
    assert counted is not None
    assert told is not None
    assert told.groups() == counted.groups()
    assert int(told[1]) <= 18  # what a reader can follow
    crossed = json.loads((tmp_path / "trace.json").read_text())["files"]
    table = TEXT[TEXT.index("| files |") : TEXT.index("## The way of a training batch")]
    assert sorted(re.findall(r"`([\w/]+\.py)`", table)) == sorted(crossed)


def test_every_file_that_it_names_is_there() -> None:
    package = ROOT / "src" / "anime2real"
    named = re.findall(r"`([\w./-]+\.(?:py|js|html|md|svg))`", TEXT)
    assert len(named) > 20
    for name in named:
        assert any((folder / name).exists() for folder in (ROOT, package, package / "web" / "page")), name
