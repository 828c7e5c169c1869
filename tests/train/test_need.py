"""A training on the CPU fits its memory and says what it takes before it starts."""

import json
import re
import tomllib
from pathlib import Path

import pytest
import step_memory
from toys import Toy

from anime2real.cli.main import main
from anime2real.train import need
from anime2real.train.methods.options import CONFIGS
from anime2real.train.need import COSTS, memory_notes, need_of
from anime2real.train.recipes import options_of
from anime2real.train.run.restore import build


def test_the_need_of_cyclegan_is_what_was_measured() -> None:
    """11 to 13 GB for 16 pairs of 128 px."""
    assert 11 < need_of("cyclegan", CONFIGS["cyclegan"](), 128).memory(16) < 14


@pytest.mark.parametrize("name", step_memory.SUBJECTS)
def test_every_method_was_counted(name: str) -> None:
    """At the size it was counted for the need is the figure; four times the pixels take four times as much a pair."""
    method, preset, size = step_memory.SUBJECTS[name]
    options, cost = options_of(method, preset), COSTS[name]
    need = need_of(method, options, size, bf16=True)
    assert (need.fixed, need.gigabytes, need.gigaflops) == (cost.fixed + 1.5, cost.pair_bf16, cost.gigaflops)
    assert need_of(method, options, size).gigabytes == cost.pair
    if method not in ("galatea", "student"):  # which fold larger ones
        assert need_of(method, options, 2 * size).gigabytes == pytest.approx(4 * cost.pair)


def test_what_is_counted_is_what_the_backward_pass_keeps(capsys: pytest.CaptureFixture[str]) -> None:
    """Of a toy: more pairs keep more, half precision keeps less, and weights, averages and moments last."""
    step_memory.main(["--toy", "--subjects", "autoencoder"])
    lines = capsys.readouterr().out.splitlines()
    found = json.loads(lines[-1])["autoencoder"]
    assert 0 < found["pair_bf16"] < found["pair"]
    weights = sum(p.numel() for p in build("autoencoder", options_of("autoencoder", width=8), 32).parameters())
    assert found["fixed"] * 1e9 > 4 * 4 * weights  # with their average, gradients and two moments, four bytes each
    assert lines[-2].startswith("| autoencoder, 32 px | 1.5 |")


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
    monkeypatch.setattr(need, "free_gigabytes", lambda: 0.7)
    assert main(command) == 0
    told = capsys.readouterr().out
    table = tomllib.loads(told)
    assert table["options"]["batch_size"] == 8
    assert table["budget"] == {"pairs": 24}
    assert re.search(r"# CPU: batches of 8, as 16 would take \d\.\d GB of 0\.7 free", told)
    assert re.search(r"# memory, counted: \d\.\d GB for steps of 8 pairs; \d\.\d with 1, \d\.\d with 2, ", told)
    assert main([*command, "--batch-size", "16"]) == 0
    assert tomllib.loads(capsys.readouterr().out)["options"]["batch_size"] == 16
