"""Which modules may import which: no cycles, torch below `train` alone, plain networks that know nothing of fast ones.

Every import statement of the package is read from its source, those inside functions, which run later, as well.
"""

import ast
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import pytest

SOURCE: Final = Path(__file__).parent.parent / "src"
PACKAGE: Final = "anime2real"

FORBIDDEN: Final = (
    ("data", "train"),
    ("data", "measure"),
    ("measure", "train"),
    ("train.networks", "train.accelerated"),
    ("train.networks", "train.methods"),
    ("train.networks", "train.export"),
    ("train.losses", "train.methods"),
    ("train.accelerated", "train.methods"),
)
"""Rooms whose modules must not import the other room's."""

USES_TORCH: Final = ("train", "measure.features")
"""All that may import torch."""


def modules() -> dict[str, Path]:
    """Every module's name, without the package's, and its file."""
    names = {}
    for path in sorted((SOURCE / PACKAGE).rglob("*.py")):
        parts = path.relative_to(SOURCE / PACKAGE).with_suffix("").parts
        names[".".join(part for part in parts if part != "__init__")] = path
    return names


MODULES: Final = modules()


def imported(name: str) -> Iterator[str]:
    """Full names of what a module's import statements name, relative to nothing."""
    for node in ast.walk(ast.parse(MODULES[name].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{MODULES[name]} imports by a relative path: name the module whole"
            assert node.module is not None
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def neighbours(name: str) -> set[str]:
    """The package's modules that a module imports; of a name inside a module, that module."""
    inside = {other.removeprefix(f"{PACKAGE}.") for other in imported(name) if other.startswith(f"{PACKAGE}.")}
    # `from anime2real.train import accelerated` names both; what counts is the longest that is a module.
    found = {other for other in inside if other in MODULES}
    parents = {other.rpartition(".")[0] for other in found}
    return {other for other in found if other not in parents or _means_itself(name, other)} - {name}


def _means_itself(name: str, package: str) -> bool:
    """Whether a module takes something out of a package's `__init__` that is no module of it."""
    for node in ast.walk(ast.parse(MODULES[name].read_text(encoding="utf-8"))):
        named = node.names if isinstance(node, ast.ImportFrom) and node.module == f"{PACKAGE}.{package}" else ()
        if any(f"{package}.{alias.name}" not in MODULES for alias in named):
            return True
    return False


def cycles(graph: Mapping[str, set[str]]) -> set[frozenset[str]]:
    """Strongly connected components of more than one module (Tarjan, 1972)."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: set[frozenset[str]] = set()

    def visit(node: str) -> None:
        order[node] = low[node] = len(order)
        stack.append(node)
        for other in sorted(graph[node]):
            if other not in order:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], order[other])
        if low[node] == order[node]:
            component = set()
            while node not in component:
                component.add(stack.pop())
            if len(component) > 1:
                found.add(frozenset(component))

    for node in sorted(graph):
        if node not in order:
            visit(node)
    return found


GRAPH: Final = {name: neighbours(name) for name in MODULES}


def within(name: str, room: str) -> bool:
    return name == room or name.startswith(f"{room}.")


def test_the_walk_sees_imports_inside_functions_and_cycles() -> None:
    assert "train.accelerated.forms" in GRAPH["train.accelerated"]  # inside `accelerate`, which needs Triton
    assert cycles({"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": set()}) == {frozenset("abc")}


def test_no_modules_import_each_other() -> None:
    assert cycles(GRAPH) == set()


@pytest.mark.parametrize("rooms", FORBIDDEN, ids=" ".join)
def test_a_room_does_not_import_another(rooms: tuple[str, str]) -> None:
    one, two = rooms
    edges = {(a, b) for a, others in GRAPH.items() if within(a, one) for b in others if within(b, two)}
    assert edges == set()


def test_only_training_and_features_name_torch() -> None:
    heavy = {"torch", "triton"}
    using = {name for name in MODULES if any(other.split(".")[0] in heavy for other in imported(name))}
    assert {name for name in using if not any(within(name, room) for room in USES_TORCH)} == set()


NEED_MORE = {"on_ray"} if find_spec("ray") is None else set()
"""Modules that need what the extra `test` does not bring."""


def test_importing_all_else_leaves_torch_alone() -> None:
    """In a fresh process, torch being installed."""
    pytest.importorskip("torch")
    names = [f"{PACKAGE}.{name}".rstrip(".") for name in MODULES if not any(within(name, room) for room in USES_TORCH)]
    names = [name for name in names if name.removeprefix(f"{PACKAGE}.") not in {"__main__", *NEED_MORE}]
    lines = ["import importlib, sys", f"for name in {names!r}:", "    importlib.import_module(name)"]
    lines.append("print(*sorted({name.split('.')[0] for name in sys.modules}))")
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert not set(done.stdout.split()) & {"torch", "triton", "onnxscript"}


def test_no_file_is_longer_than_a_reader_holds_in_mind() -> None:
    lengths = {name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in MODULES.items()}
    assert {name: length for name, length in lengths.items() if length > 300} == {}


def test_no_two_classes_share_a_name() -> None:
    modules = [ast.parse(path.read_text(encoding="utf-8")) for path in MODULES.values()]
    classes = Counter(node.name for module in modules for node in ast.walk(module) if isinstance(node, ast.ClassDef))
    assert len(classes) > 100
    assert [name for name, count in classes.items() if count > 1] == []
