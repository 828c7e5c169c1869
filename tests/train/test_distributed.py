"""Two processes that train together compute what one does on the joined batch."""

import json
import os
import shutil
import socket
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch
from one_of_two import CASES, RUN, SLOW_CASES, slope_of_a_mean, state_after
from safetensors.torch import load_file
from toys import Toy, stop_at
from trainings import PLAIN, state

from anime2real.train import distributed, start
from anime2real.train.distributed import Processes
from anime2real.train.run import checkpoint
from anime2real.train.run.config import TrainError
from anime2real.train.sampler import Sampler
from anime2real.train.start import train

TESTS = Path(__file__).parents[1]


def together(out: Path, *arguments: str, timeout: float = 120.0) -> list[subprocess.CompletedProcess[str]]:
    """Run `one_of_two.py` in two processes, told of each other as torchrun does."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    path = os.pathsep.join(map(str, (TESTS.parent / "src", TESTS)))
    told = {"PYTHONPATH": path, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(TESTS / "one_of_two.py"), str(out), *arguments]
    started = [
        subprocess.Popen(
            command,
            env={**os.environ, **told, "RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in ("0", "1")
    ]
    done = []
    for process in started:
        output, errors = process.communicate(timeout=timeout)
        done.append(subprocess.CompletedProcess(command, process.returncode, output, errors))
    return done


@pytest.fixture(scope="module")
def found(toy: Toy, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two processes found, in one launch; `begun` is a run that one process began, and was asked to stop."""
    out = tmp_path_factory.mktemp("two")
    with pytest.MonkeyPatch.context() as patch:
        stop_at(patch, 3)
        assert not train(RUN, toy.pack, out / "begun", PLAIN).finished
    for process in together(out, str(toy.pack), *CASES):
        assert process.returncode == 0, process.stderr
    return out


@pytest.mark.parametrize("case", CASES)
def test_gradients_are_those_of_the_joined_batch(found: Path, case: str) -> None:
    assert_joined(found, case)


def test_a_mean_of_what_counts_is_that_of_the_joined_batch(found: Path) -> None:
    for rank in (0, 1):
        assert float((found / f"slope-{rank}").read_text()) == pytest.approx(float(slope_of_a_mean()), rel=1e-5)


@pytest.mark.slow
def test_gradients_of_the_other_methods_too(toy: Toy, tmp_path: Path) -> None:
    for process in together(tmp_path, str(toy.pack), *SLOW_CASES):
        assert process.returncode == 0, process.stderr
    for case in SLOW_CASES:
        assert_joined(tmp_path, case)


def assert_joined(folder: Path, case: str) -> None:
    """Both processes hold the same to the bit, but for their losses, and what one process does within rounding."""
    alone = state_after(case)
    one, two = (load_file(folder / f"{case}-{rank}.safetensors") for rank in (0, 1))
    assert alone.keys() == one.keys() == two.keys()
    for key, expected in alone.items():
        if key.startswith("loss."):
            assert float((one[key] + two[key]) / 2) == pytest.approx(float(expected), rel=1e-4, abs=1e-6), key
            continue
        assert one[key].equal(two[key]), key
        error, scale = float((one[key] - expected).double().norm()), float(expected.double().norm())
        assert error <= 1e-4 * scale + 1e-7, f"{key}: {error} of {scale}"


@pytest.fixture(scope="module")
def straight(toy: Toy, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of one process that was never stopped."""
    folder = tmp_path_factory.mktemp("straight") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(start, "export_translators", lambda *_: [])
        assert train(RUN, toy.pack, folder, PLAIN).finished
    return folder


def assert_near(run: Path, straight: Path, halfway: Path) -> None:
    """A run ends where the straight one does, by what both have learned since they were halfway."""
    ends, expected, before = (state(folder) for folder in (run, straight, halfway))
    learned = torch.cat([(expected[key] - before[key]).flatten() for key in expected if "to_" in key])
    apart = torch.cat([(expected[key] - ends[key]).flatten() for key in expected if "to_" in key])
    assert learned.norm() > 0
    assert apart.norm() < 0.1 * learned.norm()  # Adam makes of roundings of small gradients as much as of large ones
    assert ends["pooled"] == expected["pooled"] == 24


def test_two_processes_go_on_with_what_one_began(found: Path, straight: Path) -> None:
    steps = [json.loads(line)["step"] for line in (found / "begun" / "stats.jsonl").read_text().splitlines()]
    assert steps == [1, 2, 3, 4, 5, 6]  # each once: one process writes
    assert_near(found / "begun", straight, found / "stopped")


def test_one_process_goes_on_with_what_two_began(
    toy: Toy, found: Path, straight: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [path.name for path in checkpoint.complete(found / "stopped" / "checkpoints")] == ["step-000000003"]
    folder = Path(shutil.copytree(found / "stopped", tmp_path / "run"))
    monkeypatch.setattr(start, "export_translators", lambda *_: [])
    assert train(RUN, toy.pack, folder, PLAIN).finished
    assert_near(folder, straight, found / "stopped")


def test_a_process_that_fails_ends_all_with_what_it_said(found: Path) -> None:
    said = "process 1 of 2 failed: out of memory"
    assert (found / "said-1").read_text() == f"TrainError: {said}"
    assert (found / "said-0").read_text() == f"PeerError: {said}"
    assert (found / "failed" / "log.txt").read_text().splitlines()[-1] == f"stopped: {said}"


@pytest.mark.parametrize(("batch_size", "refused"), [(8, False), (9, True)])
def test_a_batch_divides_among_the_processes(batch_size: int, refused: bool) -> None:
    pair = Processes(torch.device("cpu"), world_size=2)
    with pytest.raises(TrainError, match="give a multiple of 2") if refused else nullcontext():
        assert pair.part_of(batch_size) == 4


def test_every_process_takes_its_own_part_of_a_step() -> None:
    step = Sampler(np.arange(10), np.arange(10, 20), 6, 0, (np.arange(5), np.arange(10, 15))).draw(3)
    parts = [step.part(rank, 3) for rank in range(3)]
    assert [len(part.anime) for part in parts] == [2, 2, 2]
    for field in ("anime", "real", "numbers"):
        merged = np.stack([getattr(part, field) for part in parts], 1)
        assert np.array_equal(merged.reshape(getattr(step, field).shape), getattr(step, field))
        assert np.array_equal(getattr(parts[1].real_set, field), getattr(step.real_set, field)[1::3])


@pytest.mark.parametrize(
    ("environment", "name", "expected"),
    [
        ({"LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2"}, "auto", "cuda:1"),
        ({"LOCAL_RANK": "2", "LOCAL_WORLD_SIZE": "3"}, "cuda", "3 processes on this machine and 2 GPUs"),
        ({"LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "2"}, "cuda:1", "leave it out"),
        ({"LOCAL_RANK": "first"}, "auto", "LOCAL_RANK is 'first', no number"),
    ],
)
def test_each_process_has_a_gpu_of_its_own(
    environment: dict[str, str], name: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(distributed, "find_device", torch.device)
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    if expected.startswith("cuda"):
        assert str(distributed._own_device(name)) == expected
        return
    with pytest.raises(TrainError, match=expected):
        distributed._own_device(name)


@pytest.mark.slow
def test_torchrun_trains_one_run(toy: Toy, tmp_path: Path) -> None:
    """The command of the documentation: one run folder, one set of bundles, which one process trains on."""
    options = ["--set", "width=8", "--set", "blocks=1", "--set", "discriminator_width=8", "--batch-size", "4"]
    command = ["-m", "anime2real", "train", "cyclegan", "--data", str(toy.pack), "-o", str(tmp_path / "run"), *options]
    environment = {**os.environ, "PYTHONPATH": str(TESTS.parent / "src")}
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", *command, "--steps", "3"]
    done = subprocess.run(torchrun, env=environment, capture_output=True, text=True, check=True)
    assert done.stderr.count("done: 12 pairs") == 1
    bundles = sorted(path.name for path in (tmp_path / "run" / "bundles").iterdir())
    assert bundles == ["cyclegan-anime-to-real", "cyclegan-real-to-anime"]
    subprocess.run([sys.executable, *command, "--steps", "5"], env=environment, capture_output=True, check=True)
    assert [path.name for path in checkpoint.complete(tmp_path / "run" / "checkpoints")][-1] == "step-000000005"
    odd = subprocess.run(
        [*torchrun[:-6], "--batch-size", "3", "--steps", "9"], env=environment, capture_output=True, text=True
    )
    assert odd.returncode != 0
    assert odd.stderr.count("a batch of 3 does not divide among 2 processes") == 1
