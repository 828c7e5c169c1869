"""The adapter for Ray Train, on a cluster of this machine."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from toys import Toy

from anime2real.train.run import checkpoint

ROOT = Path(__file__).parents[1]


@pytest.mark.integration
def test_two_workers_train_one_run(toy: Toy, tmp_path: Path) -> None:
    pytest.importorskip("ray.train.torch")
    options = ["--set", "width=8", "--set", "blocks=1", "--set", "discriminator_width=8", "--batch-size", "4"]
    run = ["cyclegan", "--data", str(toy.pack), "-o", str(tmp_path / "run"), "--steps", "3", *options]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, str(ROOT / "integrations" / "ray" / "train.py"), "--workers", "2", *run]
    subprocess.run(command, env=environment, check=True, timeout=300)
    assert [path.name for path in checkpoint.complete(tmp_path / "run" / "checkpoints")] == ["step-000000003"]
    bundles = sorted(path.name for path in (tmp_path / "run" / "bundles").iterdir())
    assert bundles == ["cyclegan-anime-to-real", "cyclegan-real-to-anime"]
    assert "2 × CPU" in (tmp_path / "run" / "log.txt").read_text()
