"""Training stops, is killed, resumes: the end is the same, bit for bit."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from toys import SIZE, TINY, Toy, stop_at
from trainings import HEAVY, PLAIN, STEPS, assert_same, config, run

from anime2real.errors import UsageError
from anime2real.train.accelerated.parity import Parity
from anime2real.train.export.run import export_translators
from anime2real.train.methods.cyclegan import CycleGAN
from anime2real.train.run import checkpoint
from anime2real.train.run.config import Budget, TrainError
from anime2real.train.run.folder import LOCK
from anime2real.train.run.restore import restore_run
from anime2real.train.start import train
from anime2real.train.step import Speed, TrainingStep


@pytest.mark.usefixtures("_no_bundles")
@pytest.mark.parametrize("method", [*sorted(set(TINY) - {"student", "ugatit"}), HEAVY])
def test_an_interrupted_run_ends_as_a_straight_one(
    method: str, toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    straight = run(method, toy, tmp_path / "straight")
    assert straight.finished
    with monkeypatch.context() as patch:
        stop_at(patch, 3)
        stopped = run(method, toy, tmp_path / "resumed")
    assert not stopped.finished
    assert stopped.progress.step == 3
    assert run(method, toy, tmp_path / "resumed").finished
    assert_same(tmp_path / "straight", tmp_path / "resumed")
    lines = [
        [json.loads(line) for line in (tmp_path / name / "stats.jsonl").read_text().splitlines()]
        for name in ("straight", "resumed")
    ]
    assert [entry["losses"] for entry in lines[0]] == [entry["losses"] for entry in lines[1]]
    assert sorted(p.name for p in (tmp_path / "straight" / "samples").iterdir()) == sorted(
        p.name for p in (tmp_path / "resumed" / "samples").iterdir()
    )


# Galatea's are whole in test_start_from.py.
@pytest.mark.parametrize("method", ["autoencoder", "cyclegan", "difference", HEAVY])
def test_every_training_leaves_whole_bundles_and_samples(method: str, toy: Toy, tmp_path: Path) -> None:
    status = run(method, toy, tmp_path / "run")
    names = [f"{method}-anime-to-real", f"{method}-real-to-anime"]
    if method == "difference":
        names += [f"difference-{step:05d}-{way}" for step in (3, 6) for way in ("anime-to-real", "real-to-anime")]
    assert [b.name for b in status.bundles] == names
    assert all((b / "README.md").is_file() for b in status.bundles)
    assert len(list((tmp_path / "run" / "samples").glob("*.png"))) == 3  # at the start, half-way, at the end
    environment = json.loads((tmp_path / "run" / "environment.json").read_text())
    assert environment["torch"] == torch.__version__


KILLED = """
    import os, signal, sys
    from pathlib import Path
    sys.path.insert(0, {tests!r})
    from trainings import config
    from anime2real.train.run import checkpoint
    from anime2real.train.session import Session
    from anime2real.train.start import train
    from anime2real.train.step import Speed

    import torch

    save_file, saves = checkpoint.save_file, []

    def half(state, path):
        saves.append(path)
        if len(saves) < 8:
            return save_file(state, path)
        Path(path).write_bytes(b"half a file")
        os.kill(os.getpid(), signal.SIGKILL)

    checkpoint.save_file = half
    torch.set_num_threads(1)
    session = Session("cpu", Speed(), checkpoint_seconds=0.0, log_seconds=0.0, quiet=True)
    train(config("cyclegan"), Path({pack!r}), Path({folder!r}), session)
"""


@pytest.mark.usefixtures("_no_bundles")
def test_a_kill_inside_a_checkpoint_resumes_from_the_one_before(toy: Toy, tmp_path: Path) -> None:
    folder = tmp_path / "killed"
    tests = Path(__file__).parents[1]
    script = textwrap.dedent(KILLED).format(tests=str(tests), pack=str(toy.pack), folder=str(folder))
    source = str(tests.parent / "src")
    done = subprocess.run([sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": source}, check=False)
    assert done.returncode == -signal.SIGKILL
    names = sorted(p.name for p in (folder / "checkpoints").iterdir())
    assert names[0].startswith(".step-000000004.")
    assert names[1:] == ["step-000000002", "step-000000003"]
    assert run("cyclegan", toy, folder).finished
    assert "cores at 6 pairs" in (folder / "log.txt").read_text()
    run("cyclegan", toy, tmp_path / "straight")
    assert_same(tmp_path / "straight", folder)
    steps = [json.loads(line)["step"] for line in (folder / "stats.jsonl").read_text().splitlines()]
    assert steps == list(range(1, STEPS + 1))


@pytest.mark.usefixtures("_one_bundle")
def test_a_finished_run_writes_its_bundles_anew(toy: Toy, tmp_path: Path) -> None:
    (bundle,) = run("difference", toy, tmp_path).bundles
    (bundle / "README.md").unlink()
    assert run("difference", toy, tmp_path).bundles == [bundle]
    assert (bundle / "README.md").is_file()


@pytest.mark.usefixtures("_no_bundles")
def test_a_damaged_checkpoint_is_passed_over(toy: Toy, tmp_path: Path) -> None:
    run("difference", toy, tmp_path, replace(PLAIN, checkpoint_seconds=0.0))
    newest = checkpoint.complete(tmp_path / "checkpoints")[-1]
    content = bytearray((newest / "model.safetensors").read_bytes())
    content[-1] ^= 1
    (newest / "model.safetensors").write_bytes(content)
    assert run("difference", toy, tmp_path).finished
    log = (tmp_path / "log.txt").read_text()
    assert f"checkpoint {newest.name} is damaged" in log
    assert "cores at 24 pairs" in log


@pytest.mark.usefixtures("_no_bundles")
def test_a_second_process_in_a_run_folder_is_refused(toy: Toy, tmp_path: Path) -> None:
    run("difference", toy, tmp_path)
    hold = "import sys, filelock; lock = filelock.FileLock(sys.argv[1]); lock.acquire(); print('held', flush=True)"
    hold += "; sys.stdin.read()"
    command = [sys.executable, "-c", hold, str(tmp_path / LOCK)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(TrainError, match="another process trains in"):
            run("difference", toy, tmp_path)
        other.communicate("")
    assert run("difference", toy, tmp_path).finished


@pytest.mark.usefixtures("_no_bundles")
def test_another_training_in_the_folder_is_refused_with_the_difference(toy: Toy, tmp_path: Path) -> None:
    run("difference", toy, tmp_path)
    with pytest.raises(TrainError, match=r"holds another training \(options.learning_rate 0.1 there, 0.2 here\)"):
        run("difference", toy, tmp_path, learning_rate=0.2)


@pytest.mark.usefixtures("_no_bundles")
def test_further_emas_are_kept_through_a_stop_and_stand_beside_the_first(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    several = replace(config("cyclegan"), ema_shares=(0.5, 1.0))
    train(several, toy.pack, tmp_path / "straight", PLAIN)
    with monkeypatch.context() as patch:
        stop_at(patch, 3)
        train(several, toy.pack, tmp_path / "resumed", PLAIN)
    train(several, toy.pack, tmp_path / "resumed", PLAIN)
    assert_same(tmp_path / "straight", tmp_path / "resumed")
    run("cyclegan", toy, tmp_path / "plain")
    method = restore_run(tmp_path / "straight").method
    first = restore_run(tmp_path / "plain").method.average["to_real"].state_dict()
    assert all(torch.equal(value, first[key]) for key, value in method.average["to_real"].state_dict().items())
    usual, (product, _) = method.translators()[0], method.ema_translators(1)
    assert product.module is method.average["to_real_2"]
    assert method.translators()[0].module is usual.module is method.average["to_real"]
    # The longer, the nearer to where the run began.
    torch.manual_seed(several.seed)
    start = CycleGAN(several.options, SIZE).to_real.state_dict()
    away = [
        sum(float((value - start[key]).norm()) for key, value in method.average[name].state_dict().items())
        for name in ("to_real", "to_real_1", "to_real_2")
    ]
    assert away == sorted(away, reverse=True)
    assert away[2] < 0.9 * away[0]

    told: list[tuple[Path, Any, float | None]] = []
    monkeypatch.setattr(
        "anime2real.train.export.run.export_bundle",
        lambda module, folder, **facts: told.append((folder, module, facts["training"].get("ema_share"))),
    )
    whole = restore_run(tmp_path / "straight")
    export_translators(whole.method, whole.config, whole.pack, tmp_path / "out", whole.facts, whole.progress)
    assert [(str(target.relative_to(tmp_path / "out")), share) for target, _, share in told] == [
        (f"{folder}cyclegan-{way}", share)
        for folder, share in (("", None), ("ema-0.5/", 0.5), ("ema-1/", 1.0))
        for way in ("anime-to-real", "real-to-anime")
    ]
    assert [module for _, module, _ in told][::2] == [
        whole.method.average[name] for name in ("to_real", "to_real_1", "to_real_2")
    ]


@pytest.mark.parametrize("share", [0.0, 1.5])
def test_a_share_that_is_none_is_refused(share: float) -> None:
    with pytest.raises(TrainError, match=f"above 0 and up to 1, not {share:g}"):
        replace(config("cyclegan"), ema_shares=(share,))


@pytest.mark.usefixtures("_no_bundles")
def test_averages_that_would_be_one_are_refused(toy: Toy, tmp_path: Path) -> None:
    with pytest.raises(TrainError, match=r"--ema-shares 0\.1 is given twice"):
        replace(config("cyclegan"), ema_shares=(0.1, 0.1000001))
    with pytest.raises(UsageError, match="difference averages no weights"):
        train(replace(config("difference"), ema_shares=(0.1,)), toy.pack, tmp_path / "run", PLAIN)
    assert not (tmp_path / "run").exists()


def test_a_folder_of_something_else_is_refused(toy: Toy, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(TrainError, match="not empty and not a run"):
        run("difference", toy, tmp_path)


def test_losses_that_are_no_numbers_stop_the_run(toy: Toy, tmp_path: Path) -> None:
    with pytest.raises(TrainError, match="lower the learning rate"):
        run("cyclegan", toy, tmp_path, learning_rate=1e30)


def test_an_interruption_of_the_export_tells_that_the_training_is_kept(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("anime2real.train.start.export_translators", stopped)
        with pytest.raises(KeyboardInterrupt) as caught:
            run("difference", toy, tmp_path)
    assert caught.value.args == (f"{tmp_path} is trained; the same command makes its bundles",)
    assert tmp_path / "bundles" / "difference-anime-to-real" in run("difference", toy, tmp_path).bundles


def test_what_a_killed_writer_left_is_removed(toy: Toy, tmp_path: Path) -> None:
    run("difference", toy, tmp_path)
    left = [tmp_path / name / ".0123456789abcdef.partial.png" for name in (".", "samples", "checkpoints")]
    for path in left:
        path.write_bytes(b"half")
    run("difference", toy, tmp_path)
    assert not any(path.exists() for path in left)


def test_an_unknown_device_is_refused(toy: Toy, tmp_path: Path) -> None:
    with pytest.raises(TrainError, match="no device 'tpu9' here"):
        run("difference", toy, tmp_path, replace(PLAIN, device="tpu9"))


@pytest.mark.usefixtures("_no_bundles")
def test_a_run_goes_on_under_another_memory_layout(toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fused Adam wants moments laid out as their parameters; a checkpoint brings them as they were."""
    step, count = TrainingStep.step, [0]

    def interrupted(self: TrainingStep, *arguments: Any) -> Any:
        count[0] += 1
        if count[0] == 6:  # three are the preflight's
            os.kill(os.getpid(), signal.SIGTERM)
        return step(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(TrainingStep, "step", interrupted)
        assert not run("cyclegan", toy, tmp_path, replace(PLAIN, speed=Speed(channels_last=True))).finished
    assert run("cyclegan", toy, tmp_path).finished


@pytest.mark.usefixtures("_no_bundles")
@pytest.mark.parametrize("holds", [(True,), (False, True), (False, False)])
def test_a_run_gives_up_speed_only_where_two_batches_say_so(
    holds: tuple[bool, ...], toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draws: list[list[int]] = []

    def checked(method: Any, pictures: Any, draw: Any, *rest: Any) -> Parity:
        draws.append(list(draw.anime))
        return Parity(0.01, 0.01 if holds[len(draws) - 1] else 0.5, 0.0)

    monkeypatch.setattr("anime2real.train.loop.preflight", checked)
    run("cyclegan", toy, tmp_path, replace(PLAIN, speed=Speed(channels_last=True, streams=True)))
    assert len(draws) == len(holds)
    assert len({tuple(draw) for draw in draws}) == len(draws)
    log = (tmp_path / "log.txt").read_text()
    assert ("trying a second batch" in log) is not holds[0]
    assert ("preflight failed" in log) is not holds[-1]


def test_a_budget_is_one_number() -> None:
    with pytest.raises(TrainError, match="one budget"):
        Budget()
    with pytest.raises(TrainError, match="one budget"):
        Budget(minutes=1, pairs=1)
    with pytest.raises(TrainError, match="more than nothing"):
        Budget(minutes=-1)
    assert Budget(minutes=2).progress(10, 60) == 0.5
    assert Budget(pairs=20).progress(10, 60) == 0.5
