"""Runs that are damaged, deleted or diverge: what is whole is kept and used, and one line says the rest."""

import hashlib
import json
import random
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from toys import TINY, Toy, stop_at
from trainings import PLAIN, assert_same, config, run

from anime2real.train.export import run as export
from anime2real.train.export.comparison import ExportError
from anime2real.train.run import checkpoint
from anime2real.train.run.config import TrainError
from anime2real.train.run.folder import LOCK, RunFolder
from anime2real.train.run.health import DivergedError
from anime2real.train.run.restore import build, restore_run
from anime2real.train.start import train
from anime2real.train.step import TrainingStep

pytestmark = pytest.mark.usefixtures("_no_bundles")
OFTEN = replace(PLAIN, checkpoint_seconds=0.0)
FILES = ("model.safetensors", "optimizers.safetensors", "state.json", "SHA256SUMS")


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.fixture
def stopped(toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run with two checkpoints, stopped at step 3 of 7."""
    with monkeypatch.context() as patch:
        stop_at(patch, 3)
        assert not run("cyclegan", toy, tmp_path / "run", OFTEN).finished
    return tmp_path / "run"


@pytest.mark.parametrize(("name", "missing"), [*((name, False) for name in FILES), ("state.json", True)])
def test_a_damaged_file_falls_back_to_the_checkpoint_before(toy: Toy, stopped: Path, name: str, missing: bool) -> None:
    newest = checkpoint.complete(stopped / "checkpoints")[-1]
    (newest / name).unlink() if missing else damage(newest / name)
    assert run("cyclegan", toy, stopped, OFTEN).finished
    log = (stopped / "log.txt").read_text()
    assert f"checkpoint {newest.name} is damaged" in log
    assert "resuming cyclegan" in log
    assert "cores at 4 pairs" in log


def test_without_an_intact_checkpoint_nothing_is_trained_and_nothing_deleted(toy: Toy, stopped: Path) -> None:
    damage(stopped / "checkpoints" / "step-000000002" / "state.json")
    damage(stopped / "checkpoints" / "step-000000003" / "model.safetensors")
    before = {path: path.read_bytes() for path in (stopped / "checkpoints").rglob("*") if path.is_file()}
    for door in (lambda: run("cyclegan", toy, stopped, OFTEN), lambda: restore_run(stopped)):
        with pytest.raises(TrainError, match=r"can be loaded, .*3 is damaged .*2 is damaged .*train in a new folder$"):
            door()
        assert before == {path: path.read_bytes() for path in (stopped / "checkpoints").rglob("*") if path.is_file()}


def test_checkpoints_of_other_networks_are_not_called_damaged(toy: Toy, stopped: Path) -> None:
    for path in checkpoint.complete(stopped / "checkpoints"):
        weights = load_file(path / "model.safetensors")
        weights["as_it_was_called"] = weights.pop(min(weights))
        save_file(weights, path / "model.safetensors")
        sums = (hashlib.sha256((path / name).read_bytes()).hexdigest() + f"  {name}\n" for name in FILES[:3])
        (path / "SHA256SUMS").write_text("".join(sums))
    says = "step-000000003 holds other networks than this version of anime2real trains"
    with pytest.raises(TrainError, match=says) as refused:
        run("cyclegan", toy, stopped, OFTEN)
    assert "damaged" not in str(refused.value)


def test_a_wrong_step_number_prunes_nothing(toy: Toy, stopped: Path) -> None:
    folder = stopped / "checkpoints"
    shutil.copytree(folder / "step-000000003", folder / "step-000999999")
    assert run("cyclegan", toy, stopped, OFTEN).finished
    names = [path.name for path in checkpoint.complete(folder)]
    assert names == ["step-000000006", "step-000000007", "step-000999999"]
    assert "it is of step 3" in (stopped / "log.txt").read_text()


def test_a_reader_leaves_what_a_training_is_writing(stopped: Path) -> None:
    partial = stopped / "checkpoints" / ".step-000000004.0123456789abcdef.partial"
    partial.mkdir()
    assert restore_run(stopped).progress.step == 3
    assert partial.is_dir()


def test_damaged_lines_of_stats_are_kept_aside(toy: Toy, stopped: Path) -> None:
    stats = stopped / "stats.jsonl"
    first, *others = stats.read_bytes().splitlines(keepends=True)
    bad = [b"\xff\xfe\n", b"[1]\n", b'{"step": "1"}\n', b'{"st\n', b"[" * 100_000 + b"\n"]
    stats.write_bytes(b"".join([first, *bad, *others, b'{"step": 4, "pai']))
    assert run("cyclegan", toy, stopped).finished
    assert [json.loads(line)["step"] for line in stats.read_text().splitlines()] == list(range(1, 8))
    assert (stopped / "stats.damaged.jsonl").read_bytes() == b"".join(bad)
    assert "has 5 damaged lines: they are in stats.damaged.jsonl now" in (stopped / "log.txt").read_text()


@pytest.mark.parametrize("replaced", [False, True])
def test_a_folder_that_is_deleted_meanwhile_is_told(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, replaced: bool
) -> None:
    folder, step = tmp_path / "run", TrainingStep.step

    def deleted(self: TrainingStep, *arguments: Any) -> Any:
        shutil.rmtree(folder, ignore_errors=True)
        if replaced:
            folder.mkdir()
            (folder / LOCK).touch()
            (folder / "config.toml").write_text("of another run")
        return step(self, *arguments)

    monkeypatch.setattr(TrainingStep, "step", deleted)
    with pytest.raises(TrainError, match="was deleted or moved while it trained: nothing more of this"):
        run("difference", toy, folder, replace(PLAIN, log_seconds=1e9))
    assert sorted(p.name for p in folder.glob("*")) == ([LOCK, "config.toml"] if replaced else [])


@pytest.mark.parametrize("method", ["autoencoder", "cyclegan", "difference"])
def test_a_learning_rate_beyond_reason_diverges(toy: Toy, tmp_path: Path, method: str) -> None:
    with pytest.raises(DivergedError, match=r"^the training diverged, .* nothing is exported; lower the learning rate"):
        run(method, toy, tmp_path / "run", learning_rate=1e6)


def test_a_diverged_training_keeps_its_last_good_checkpoint(
    toy: Toy, stopped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = TrainingStep.step

    def poisoned(self: TrainingStep, *arguments: Any) -> Any:
        losses = step(self, *arguments)
        with torch.no_grad():
            next(self.method.parameters()).fill_(float("nan"))
        return losses

    monkeypatch.setattr(TrainingStep, "step", poisoned)
    with pytest.raises(DivergedError, match="a weight is nan after 8 pairs"):
        run("cyclegan", toy, stopped, replace(OFTEN, log_seconds=1e9))
    assert [p.name for p in checkpoint.complete(stopped / "checkpoints")] == ["step-000000002", "step-000000003"]
    assert "diverged: " in (stopped / "log.txt").read_text()


@pytest.mark.parametrize("method", ["cyclegan", "difference"])
def test_a_longer_budget_takes_a_run_up_again(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """Stopped or not, it ends with the same bits; the learning rate is that of a run of the new length."""
    longer = config(method, 10)
    for name in ("straight", "resumed"):
        assert train(config(method, 4), toy.pack, tmp_path / name, PLAIN).finished
        if name == "resumed":
            with monkeypatch.context() as patch:
                stop_at(patch, 3)
                assert not train(longer, toy.pack, tmp_path / name, PLAIN).finished
        assert train(longer, toy.pack, tmp_path / name, PLAIN).progress.step == 10
    assert_same(tmp_path / "straight", tmp_path / "resumed")
    restored = restore_run(tmp_path / "resumed").config
    assert (restored.budget, restored.earlier_budgets) == (longer.budget, (config(method, 4).budget,))
    log = (tmp_path / "resumed" / "log.txt").read_text()
    assert ("the learning rate is that of such a run" in log) is (method == "cyclegan")
    rates = [json.loads(line)["learning_rate"] for line in (tmp_path / "straight" / "stats.jsonl").open()]
    assert rates[3] == rates[9] == 0.0
    assert rates[4] == TINY[method].learning_rate
    assert len(list((tmp_path / "straight" / "samples").iterdir())) > 3
    with pytest.raises(TrainError, match="a budget can only grow"):
        train(config(method, 4), toy.pack, tmp_path / "resumed", PLAIN)


def test_an_export_that_fails_keeps_the_bundle_that_was_there(stopped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = stopped / "bundles" / "cyclegan-anime-to-real"
    bundle.mkdir(parents=True)
    (bundle / "model.onnx").write_bytes(b"good")

    def fail(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(export, "export_bundle", fail)
    with pytest.raises(OSError, match="No space left"):
        export.export_run(stopped)
    assert (bundle / "model.onnx").read_bytes() == b"good"


def test_two_processes_do_not_write_the_same_bundles(stopped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "export_translators", lambda *arguments: [arguments[3]])
    elsewhere = stopped.parent / "elsewhere"
    assert export.export_run(stopped, elsewhere) == [elsewhere]
    hold = "import sys, filelock; lock = filelock.FileLock(sys.argv[1]); lock.acquire(); print(flush=True)"
    for folder, output, said in ((stopped, None, "another process trains in"), (elsewhere, elsewhere, "writes to")):
        command = [sys.executable, "-c", f"{hold}; sys.stdin.read()", str(folder / LOCK)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
            assert other.stdout is not None
            other.stdout.readline()
            with pytest.raises(TrainError, match=said):
                export.export_run(stopped, output)
            assert export.export_run(stopped, stopped.parent / "third") == [stopped.parent / "third"]
            other.communicate("")


def test_an_export_that_fails_leaves_no_folder(stopped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise ExportError("the pictures differ")

    monkeypatch.setattr(export, "export_bundle", refused)
    with pytest.raises(ExportError):
        export.export_run(stopped, stopped.parent / "new" / "bundles")
    assert [path.name for path in stopped.parent.iterdir()] == ["run"]
    (mine := stopped.parent / "mine").mkdir()
    with pytest.raises(ExportError):
        export.export_run(stopped, mine)
    assert list(mine.iterdir()) == []


def test_a_configuration_that_is_damaged_is_one_line(stopped: Path) -> None:
    path = stopped / "config.toml"
    whole, choose = path.read_bytes(), random.Random(0)
    refused = 0
    for _ in range(200):
        content = bytearray(whole)
        for _ in range(choose.choice((1, 1, 3))):
            place = choose.randrange(len(content))
            content[place : place + choose.choice((0, 1, 1, 9))] = choose.choice(
                (
                    b"",
                    b"[",
                    b'"',
                    b"-",
                    b"nan",
                    b"e9",
                    b"\xff",
                    b"\0",
                    b"\n",
                    b"true",
                    b"[[",
                    b"{}",
                    bytes([place % 256]),
                )
            )
        path.write_bytes(content)
        try:
            read = RunFolder(stopped).records()[0]
            if read.method == "cyclegan":
                build(read.method, replace(read.options, pool_size=1, maps=()), 32)
        except TrainError:
            refused += 1
    assert 100 < refused < 200


LONG = "9" * 400
HEX = "0x" + "f" * 5000


@pytest.mark.parametrize(
    ("where", "line", "said"),
    [
        ("[budget]", f"minutes = {LONG}", r"budget\.minutes is of the type float, not '9{80}'"),
        ("[options]", f"learning_rate = {LONG}", r"options\.learning_rate is of the type float, not '9{80}'"),
        ("", f"seed = {LONG}", "seed is of the type int, not '9{80}'"),
        ("", f"samples = {HEX}", "samples is of the type int, not a number of more digits than can be written"),
        ("", f"ema_shares = [[{HEX}]]", "ema_shares is of the type float, not a number of more digits"),
        ("", f"method = {HEX}", "method a number of more digits than can be written is none"),
        ("", r'"two\nlines" = 1', "two lines is not known"),
        ("[options]", r'"two\nlines" = 1', r"options\.two lines is not known"),
    ],
)
def test_what_no_configuration_holds_is_one_line(stopped: Path, where: str, line: str, said: str) -> None:
    """Numbers that no float holds or that cannot be written, and names of two lines."""
    path = stopped / "config.toml"
    name = line.split(" = ")[0]
    kept = [old for old in path.read_text().splitlines() if not old.startswith(f"{name} = ")]
    kept.insert(kept.index(where) + 1 if where else 0, line)
    path.write_text("\n".join(kept))
    with pytest.raises(TrainError, match=said) as raised:
        RunFolder(stopped).records()
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", ["pack.json", "environment.json", "started_from.json"])
@pytest.mark.parametrize("content", ["[1", "null", "[" * 100_000])
def test_a_record_that_is_damaged_is_one_line(stopped: Path, name: str, content: str) -> None:
    (stopped / name).write_text(content)
    with pytest.raises(TrainError, match=name):
        restore_run(stopped)
