"""A training on the CPU fits its memory and says what it takes before it starts."""

import re
import tomllib
from pathlib import Path

import pytest
from toys import Toy

from anime2real.cli.main import main
from anime2real.train import need
from anime2real.train.methods.options import CONFIGS
from anime2real.train.need import memory_notes, need_of


def test_the_need_of_cyclegan_is_what_was_measured() -> None:
    """11 to 13 GB for 16 pairs of 128 px."""
    assert 11 < need_of("cyclegan", CONFIGS["cyclegan"](), 128).memory(16) < 14


@pytest.mark.parametrize(("free", "batch"), [(None, 16), (24.0, 16), (16.0, 8), (8.0, 4), (2.0, 1), (0.1, 1)])
def test_the_batch_is_halved_until_it_fits(free: float | None, batch: int) -> None:
    assert need_of("cyclegan", CONFIGS["cyclegan"](), 128).fitting(16, free) == batch


@pytest.mark.parametrize("method", CONFIGS)
def test_every_method_tells_what_it_takes(method: str) -> None:
    options = CONFIGS[method]()
    lines = memory_notes(need_of(method, options, 128), options.batch_size, options.batch_size, 64.0)
    assert len(lines) == 1
    assert re.search(r"^CPU, estimated: [0-9.]+ GB of 64.0 free, and [0-9.]+ (seconds|minutes) for a step of", lines[0])


def test_what_was_asked_for_is_kept_and_warned_of() -> None:
    lines = memory_notes(need_of("cyclegan", CONFIGS["cyclegan"](), 128), 16, 16, 4.0)
    assert lines[-1] == "that may not fit: --batch-size 2 would"


def test_the_command_takes_a_batch_that_fits(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["train", "cyclegan", "--data", str(toy.pack), "-o", str(tmp_path / "run"), "--device", "cpu"]
    command += ["--width", "8", "--steps", "3", "--dry-run"]
    monkeypatch.setattr(need, "free_gigabytes", lambda: 1.5)
    assert main(command) == 0
    told = capsys.readouterr().out
    table = tomllib.loads(told)
    assert table["options"]["batch_size"] == 8
    assert table["budget"] == {"pairs": 24}
    assert "# CPU: batches of 8, as 16 would take 1.1 GB of 1.5 free" in told
    assert main([*command, "--batch-size", "16"]) == 0
    assert tomllib.loads(capsys.readouterr().out)["options"]["batch_size"] == 16
