"""Nothing here reads a pickle, which may run code of whoever wrote it, or runs text as code."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[1]
FOLDERS: Final = ("src", "scripts", "research", "benchmarks", "integrations", "bundles", ".ci")
MODULES: Final = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "pandas"}
"""Those that read pickles; pandas by its `read_pickle`."""


def found(source: str) -> Iterator[str]:
    """What in a module reads pickles or runs text."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] in MODULES)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in MODULES:
            yield str(node.module)
        elif isinstance(node, ast.Call):
            yield from _of_call(node)


def _of_call(call: ast.Call) -> Iterator[str]:
    name = ast.unparse(call.func)
    options = {keyword.arg: keyword.value for keyword in call.keywords}
    weights_only, allowed = options.get("weights_only"), options.get("allow_pickle")
    if name == "torch.load" and not (isinstance(weights_only, ast.Constant) and weights_only.value is True):
        yield "torch.load without weights_only=True"
    if allowed is not None and not (isinstance(allowed, ast.Constant) and allowed.value is False):
        yield "allow_pickle"
    if name in ("eval", "exec", "__import__", "yaml.load", "torch.hub.load"):
        yield name


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_pickle_is_read(folder: str) -> None:
    files = list((ROOT / folder).rglob("*.py"))
    assert files
    wrong = {str(path.relative_to(ROOT)): list(found(path.read_text(encoding="utf-8"))) for path in files}
    assert not {path: uses for path, uses in wrong.items() if uses}


@pytest.mark.parametrize(
    "source",
    [
        "import pickle", "from pickle import loads", "import torch\ntorch.load('x')", "torch.load('x', weights_only=a)",
        "np.load('x', allow_pickle=True)", "eval('1')", "import joblib.numpy_pickle",
    ],
)  # fmt: skip
def test_a_use_is_found(source: str) -> None:
    assert list(found(source))


def test_what_is_safe_is_let_through() -> None:
    assert not list(found("torch.load('x', weights_only=True)\nnp.load('x', allow_pickle=False)\nnp.load('x')"))
