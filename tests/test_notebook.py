"""The notebook: its form, its commands, and all of it run, with toys in place of what its first cell names."""

import ast
import importlib
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from drawn import drawn_set

from anime2real.bundle.save import load
from anime2real.cli.app import app
from anime2real.image.provenance import read_marks

pytestmark = pytest.mark.usefixtures("nothing_has_to_be_there")

ROOT = Path(__file__).parent.parent
NOTEBOOK = ROOT / "docs" / "train_your_own.ipynb"
FIRST = "settings"


def cells(kind: str) -> dict[str, str]:
    """The notebook's cells of a kind, by id."""
    read: dict[str, Any] = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    return {cell["id"]: "".join(cell["source"]) for cell in read["cells"] if cell["cell_type"] == kind}


def plain(source: str) -> str:
    """A cell without IPython: `!command` becomes a call of `shell` with its {names} filled in; `%pip` is left out."""
    kept = [line for line in source.splitlines() if not line.startswith("%pip ")]
    return "\n".join(f"shell(rf'''{line[1:]}''')" if line.startswith("!") else line for line in kept)


def run(cell: str, names: dict[str, Any]) -> Any:
    """Run a cell; its value is that of its last line, if that is an expression, as a notebook would show it."""
    tree = ast.parse(plain(cell))
    last = tree.body[-1] if tree.body else None
    if not isinstance(last, ast.Expr):
        exec(compile(tree, "cell", "exec"), names)
        return None
    tree.body.pop()
    exec(compile(tree, "cell", "exec"), names)
    return eval(compile(ast.Expression(last.value), "cell", "eval"), names)


def test_the_form() -> None:
    read = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    assert (read["nbformat"], read["nbformat_minor"]) == (4, 5)
    assert read["metadata"]["kernelspec"]["name"] == "python3"
    ids = [cell["id"] for cell in read["cells"]]
    assert len(set(ids)) == len(ids)
    for cell in read["cells"]:
        assert re.fullmatch("[a-zA-Z0-9_-]{1,64}", cell["id"])
        if cell["cell_type"] == "code":
            assert set(cell) == {"cell_type", "execution_count", "id", "metadata", "outputs", "source"}
            assert cell["outputs"] == []  # nobody's results, and no pictures, are stored
            assert cell["execution_count"] is None
            ast.parse(plain("".join(cell["source"])))
    assert next(iter(cells("code"))) == FIRST


def test_its_commands_are_ours() -> None:
    names: dict[str, Any] = {"WAY": "--plain"}
    exec(cells("code")[FIRST], names)
    said: list[str] = []
    names["shell"] = said.append
    for source in cells("code").values():
        for line in plain(source).splitlines():
            if line.startswith("shell("):
                exec(line, names)
    assert [shlex.split(command)[1] for command in said] == ["prepare", "train", "compare", "translate"]
    training = importlib.import_module("anime2real.cli.train").app
    for command in said:
        program, *ours = shlex.split(command)
        assert program == "anime2real"
        if ours[0] == "train":
            training.parse_args(ours[1:], exit_on_error=False, print_error=False)
        else:
            app.parse_args(ours, exit_on_error=False, print_error=False)


def test_the_extra_that_it_installs_is_there() -> None:
    names: dict[str, Any] = {}
    exec(cells("code")[FIRST], names)
    assert names["PACKAGE"] == "anime2real[train]"
    assert "%pip install --quiet {PACKAGE}" in cells("code")["install"]


@pytest.mark.integration
def test_all_of_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    names: dict[str, Any] = {}

    def shell(command: str) -> None:
        program, *rest = shlex.split(command)
        assert program == "anime2real"
        done = subprocess.run(
            [sys.executable, "-m", "anime2real", *rest], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr

    names["shell"] = shell
    code = cells("code")
    run(code.pop(FIRST), names)
    instead = {
        "ANIME": str(drawn_set(tmp_path / "drawings", recoloured=False, test_every=4)),
        "REAL": str(drawn_set(tmp_path / "photographs", recoloured=True, test_every=4)),
        "TRY": str(ROOT / "examples" / "aoi.png"),
        "SIZE": 32,
        "MINUTES": 0.05,
        "OPTIONS": "--width 8 --blocks 1 --discriminator-width 8 --batch-size 2 --device cpu",
    }
    assert set(instead) <= set(names)
    names.update(instead)
    values = {name: run(source, names) for name, source in code.items()}
    work = tmp_path / names["WORK"]
    assert values["samples"].width > 32
    assert values["show"].size == (64, 32)
    (result,) = (work / "out").iterdir()
    assert read_marks(result)["DigitalSourceType"].endswith("trainedAlgorithmicMedia")
    for direction in ("anime-to-real", "real-to-anime"):
        bundle = load(work / "run" / "bundles" / f"cyclegan-{direction}")
        assert bundle.px == 32
        assert bundle.training["pairs"] >= 2
        assert f"{bundle.source} to {bundle.target}" in (work / "page.html").read_text()
    assert (work / "bundles.zip").stat().st_size > 1000
