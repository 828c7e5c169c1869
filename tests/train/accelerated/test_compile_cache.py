"""Compiled code is kept, found again by the next machine of the kind, and left alone by every other."""

import inspect
import os
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from toys import Toy
from trainings import PLAIN, config

from anime2real.train.accelerated import compile_cache as compilecache
from anime2real.train.accelerated.compile_cache import compile_cache, machine_kind
from anime2real.train.loop import train
from anime2real.train.step import Speed

CPU = torch.device("cpu")


class Compiler:
    """Stands in for torch's: what it was given, and what it would give."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.loaded: list[bytes] = []
        self.made: bytes | None = None
        for name, parameters in (("save_cache_artifacts", []), ("load_cache_artifacts", ["serialized_artifacts"])):
            assert list(inspect.signature(getattr(torch.compiler, name)).parameters) == parameters
            monkeypatch.setattr(torch.compiler, name, getattr(self, name.split("_")[0]))

    def save(self) -> tuple[bytes, Any] | None:
        return None if self.made is None else (self.made, SimpleNamespace(artifacts={}))

    def load(self, artifacts: bytes) -> Any:
        self.loaded.append(artifacts)
        return SimpleNamespace(artifacts={"inductor": ["one", "two"]})


@pytest.fixture
def compiler(monkeypatch: pytest.MonkeyPatch) -> Compiler:
    return Compiler(monkeypatch)


def test_what_one_training_compiled_the_next_one_loads(compiler: Compiler, tmp_path: Path) -> None:
    said: list[str] = []
    for made, label in ((b"first", "a"), (b"second", "b")):
        with compile_cache(tmp_path / "cache", CPU, label, said.append) as keep:
            compiler.made = made
            keep()
    assert compiler.loaded == [b"first"]
    assert len(said) == 1
    assert said[0].startswith("compile cache: 2 compiled parts loaded from")
    with compile_cache(tmp_path / "cache", CPU, "a", said.append):
        assert compiler.loaded[1:] == [b"first", b"second"]
    files = sorted(p.name for p in (tmp_path / "cache" / machine_kind(CPU)).iterdir())
    assert files == ["a.bin", "b.bin", "triton"]


def test_it_is_written_when_there_is_more_and_only_then(compiler: Compiler, tmp_path: Path) -> None:
    path = tmp_path / machine_kind(CPU) / "a.bin"
    with compile_cache(tmp_path, CPU, "a", print) as keep:
        keep()
        assert not path.exists()
        compiler.made = b"first"
        keep()
        place = path.stat().st_ino
        keep()
        assert path.stat().st_ino == place
        compiler.made = b"first and more"
    assert path.read_bytes().endswith(b"first and more")


def test_another_kind_of_machine_is_told_and_compiles_anew(
    compiler: Compiler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiler.made, said = b"first", []
    with compile_cache(tmp_path, CPU, "a", said.append):
        pass
    monkeypatch.setattr(torch, "__version__", "2.99.0")
    assert machine_kind(CPU).startswith("torch-2.99.0-cpu-")
    with compile_cache(tmp_path, CPU, "a", said.append):
        pass
    assert compiler.loaded == []
    assert len(said) == 1
    assert f"is not for {machine_kind(CPU)}; compiling anew" in said[0]
    assert len(list(tmp_path.iterdir())) == 2


def test_a_damaged_file_is_left_alone_and_a_folder_that_is_none_stops_nothing(
    compiler: Compiler, tmp_path: Path
) -> None:
    compiler.made, said = b"first", []
    with compile_cache(tmp_path / "cache", CPU, "a", said.append):
        pass
    path = tmp_path / "cache" / machine_kind(CPU) / "a.bin"
    path.write_bytes(path.read_bytes()[:-1])
    with compile_cache(tmp_path / "cache", CPU, "b", said.append):
        assert compiler.loaded == []
    assert said == [f"compile cache: {path} is damaged and left alone"]
    (tmp_path / "file").write_text("mine")
    with compile_cache(tmp_path / "file", CPU, "a", said.append):
        pass
    assert "cannot be used" in said[1]
    assert "cannot be written" in said[2]


def test_tritons_kernels_are_kept_and_found_where_the_folder_was_moved(
    compiler: Compiler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    caches = pytest.importorskip("triton.runtime.cache")
    monkeypatch.delenv("TRITON_CACHE_DIR", raising=False)
    with compile_cache(tmp_path / "here", CPU, "a", print):
        manager = caches.get_cache_manager("AB")
        manager.put_group("kernel.json", {"kernel.ptx": manager.put("code", "kernel.ptx")})
    assert "TRITON_CACHE_DIR" not in os.environ
    (tmp_path / "here").rename(tmp_path / "there")
    with compile_cache(tmp_path / "there", CPU, "a", print):
        group = caches.get_cache_manager("AB").get_group("kernel.json")
    assert Path(group["kernel.ptx"]).read_text() == "code"
    assert (tmp_path / "there") in Path(group["kernel.ptx"]).parents


@pytest.mark.usefixtures("_no_bundles")
def test_a_training_keeps_what_its_first_step_compiled(
    compiler: Compiler, toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiler.made, kept = b"code", []
    keep = compilecache._Cache.keep
    monkeypatch.setattr(compilecache._Cache, "keep", lambda self: (kept.append(self.path), keep(self)))
    session = replace(PLAIN, compile_cache=tmp_path / "cache")
    assert train(config("difference", steps=2), toy.pack, tmp_path / "plain", session).finished
    assert not (tmp_path / "cache").exists()
    session = replace(session, speed=Speed(compile=True))
    assert train(config("difference", steps=3), toy.pack, tmp_path / "run", session).finished
    path = tmp_path / "cache" / machine_kind(CPU) / "difference-32px-batch4.bin"
    assert kept == [path, path]  # after the first step and at the end
    assert path.read_bytes().endswith(b"code")


COMPILED = """
    import sys
    from pathlib import Path
    import torch
    from torch._dynamo.utils import counters
    from anime2real.train.accelerated.compile_cache import compile_cache

    with compile_cache(Path(sys.argv[1]), torch.device("cpu"), "a", print) as keep:
        compiled = torch.compile(lambda x: torch.relu(2 * x + 1).sum(0), dynamic=False)
        assert compiled(torch.ones(4, 5)).tolist() == [12.0] * 5
        keep()
    print("hits", counters["inductor"]["fxgraph_cache_hit"])
"""


@pytest.mark.slow
def test_torchs_own_compiler_finds_its_code_again(tmp_path: Path) -> None:
    source = str(Path(__file__).parent.parent.parent.parent / "src")
    for round_, hits in enumerate((0, 1)):
        environment = {**os.environ, "PYTHONPATH": source, "TORCHINDUCTOR_CACHE_DIR": str(tmp_path / f"cold-{round_}")}
        command = [sys.executable, "-c", textwrap.dedent(COMPILED), str(tmp_path / "cache")]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        assert f"hits {hits}" in done.stdout
        assert ("loaded from" in done.stdout) == (round_ == 1)
