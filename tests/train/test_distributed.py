"""Two processes that train together compute what one does on the joined batch."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from one_of_two import CASES, SLOW_CASES, state_after
from safetensors.torch import load_file

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
def found(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two processes found, in one launch."""
    out = tmp_path_factory.mktemp("two")
    for process in together(out, *CASES):
        assert process.returncode == 0, process.stderr
    return out


@pytest.mark.parametrize("case", CASES)
def test_gradients_are_those_of_the_joined_batch(found: Path, case: str) -> None:
    assert_joined(found, case)


@pytest.mark.slow
def test_gradients_of_the_other_methods_too(tmp_path: Path) -> None:
    for process in together(tmp_path, *SLOW_CASES):
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
