"""A training and its export killed at random moments, again and again: it ends as if nothing had happened.

    pytest -m soak tests/soak/test_train_kills.py

`SOAK_KILLS` says how many kills each method gets; every one is at another moment.
"""

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from toys import Toy
from trainings import assert_same

KILLS = int(os.environ.get("SOAK_KILLS", "4"))
STEPS = 12
SMALL = ["--width", "8", "--blocks", "1", "--discriminator-width", "8", "--batch-size", "2"]
OPTIONS = {"cyclegan": SMALL, "difference": ["--batch-size", "4"]}

# Checkpoints after every step, so that kills fall into them, too.
SCRIPT = """
import sys, torch
from anime2real.cli.main import main
from anime2real.train import session
torch.set_num_threads(1)
defaults = session.Session.__init__.__defaults__
session.Session.__init__.__defaults__ = tuple(0.0 if value in (120.0, 5.0) else value for value in defaults)
sys.exit(main(sys.argv[1:]))
"""


def command(method: str, toy: Toy, folder: Path) -> list[str]:
    train = ["train", method, "--data", str(toy.pack), "-o", str(folder), "--steps", str(STEPS), "--device", "cpu"]
    return [sys.executable, "-c", SCRIPT, *train, *OPTIONS[method]]


@pytest.mark.soak
@pytest.mark.parametrize("method", OPTIONS)
def test_a_training_that_is_killed_again_and_again_ends_as_a_straight_one(
    method: str, toy: Toy, tmp_path: Path
) -> None:
    source = Path(__file__).parents[2] / "src"
    environment = {**os.environ, "PYTHONPATH": str(source)}
    straight, killed = tmp_path / "straight", tmp_path / "killed"
    subprocess.run(command(method, toy, straight), env=environment, check=True, stderr=subprocess.PIPE)
    choose, kills = random.Random(0), 0
    while kills < KILLS:
        with subprocess.Popen(command(method, toy, killed), env=environment, stderr=subprocess.PIPE, text=True) as run:
            assert run.stderr is not None
            lines = choose.randrange(1, STEPS)
            for _, _line in zip(range(lines), run.stderr, strict=False):
                pass  # so far the training goes before it is killed
            try:
                run.wait(choose.random() * 2.0)
            except subprocess.TimeoutExpired:
                run.send_signal(signal.SIGKILL)
            kills += 1
            said = run.stderr.read()
            assert "Traceback" not in said
            assert run.wait() in (0, -signal.SIGKILL)
    done = subprocess.run(command(method, toy, killed), env=environment, check=False, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 0, done.stderr
    assert_same(straight, killed)
    for bundle in (straight / "bundles").glob(f"{method}-*"):
        one, two = ((folder / "bundles" / bundle.name / "model.onnx").read_bytes() for folder in (straight, killed))
        assert one == two
    steps = [json.loads(line)["step"] for line in (killed / "stats.jsonl").read_text().splitlines()]
    assert steps == sorted(set(steps))
    assert not list(killed.rglob("*.partial"))
