"""`--ray` on a cluster of two nodes, both processes of this machine, one of which is killed at work."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
from toys import Toy, smooth_picture

ray = pytest.importorskip("ray", reason="without the extra `ray` there is no cluster: pip install 'anime2real[ray]'")
pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]),
    "RAY_USAGE_STATS_ENABLED": "0",
}


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A head and another node, of a core each."""
    from ray.cluster_utils import Cluster

    for name in ("PYTHONPATH", "RAY_USAGE_STATS_ENABLED"):
        monkeypatch.setenv(name, ENVIRONMENT[name])
    started = Cluster()
    started.add_node(num_cpus=1, include_dashboard=False)
    started.other = started.add_node(num_cpus=1)
    started.wait_for_nodes()
    yield started
    started.shutdown()


def begun(cluster: Any, folder: Path, *arguments: str) -> "subprocess.Popen[str]":
    """A command on the cluster."""
    command = [sys.executable, "-m", "anime2real", *arguments, "--ray", cluster.address]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=folder, env=ENVIRONMENT, stdout=pipe, stderr=pipe, text=True)


def plain(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "anime2real", *arguments]
    return subprocess.run(command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True)


def wait_for(happened: Callable[[], bool], command: "subprocess.Popen[str]") -> None:
    while not happened():
        assert command.poll() is None, command.communicate()
        time.sleep(0.02)


def files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def without_times(lines: str, output: str) -> list[dict[str, Any]]:
    return [{**json.loads(line.replace(output, "")), "seconds": 0} for line in lines.splitlines()]


def test_translate_with_a_node_killed_accounts_for_every_picture_once(cluster: Any, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for number in range(700):
        path = tmp_path / "in" / str(number % 3) / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        smooth_picture(random, (128, 128, 128)).save(path)
    for name in ("0/bad.png", "2/worse.jpg"):
        (tmp_path / "in" / name).write_bytes(b"nothing")
    tiny.write_bundle(tmp_path / "bundle", tiny.model(scale=-1.0))
    options = [
        "translate",
        "in",
        "--bundle",
        "bundle",
        "--crop",
        "none",
        "--json",
        "--threads",
        "1",
    ]
    expected = plain(tmp_path, *options, "-o", "plain")
    command = begun(cluster, tmp_path, *options, "-o", "spread")
    wait_for(lambda: any((tmp_path / "spread").rglob("*.png")), command)
    cluster.remove_node(cluster.other, allow_graceful=False)
    out, err = command.communicate()
    assert (command.returncode, err) == (1, ""), err
    assert without_times(out, "spread/") == without_times(expected.stdout, "plain/")
    assert len({line["input"] for line in map(json.loads, out.splitlines())}) == 702
    assert files(tmp_path / "spread") == files(tmp_path / "plain")
    table = (tmp_path / "spread.failed.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in table] == ["picture", "in/0/bad.png", "in/2/worse.jpg"]


def test_prepare_killed_whole_goes_on_and_makes_the_same_pack(cluster: Any, toy: Toy, tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    for number in range(500):
        path = tmp_path / "more" / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        smooth_picture(random, (90, 160, 60)).save(path)
    (tmp_path / "more" / "bad.png").write_bytes(b"nothing")
    options = [
        "prepare", "--anime", "more", "--real", str(toy.real), "--size", "32", "--crop", "centre", "--near", "2",
    ]  # fmt: skip
    expected = plain(tmp_path, *options, "-o", "plain")
    assert expected.returncode == 0, expected.stderr
    command = begun(cluster, tmp_path, *options, "-o", "spread")
    work = tmp_path / ".spread.preparing"
    wait_for(lambda: any(work.glob("*.npz")), command)
    command.send_signal(signal.SIGKILL)
    command.communicate()
    command = begun(cluster, tmp_path, *options, "-o", "spread")
    _, err = command.communicate()
    assert command.returncode == 0, err
    assert "pictures are done already" in err
    assert files(tmp_path / "spread") == files(tmp_path / "plain")
    assert not work.exists()
    table = (tmp_path / "spread.failed.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in table] == ["picture", "more/bad.png"]


def test_a_picture_that_kills_its_process_ends_the_work_and_is_told(tmp_path: Path) -> None:
    script = (
        "import os, signal\n"
        "from anime2real.on_ray import ClusterError, on_ray\n"
        "with on_ray(None) as spread:\n"
        "    try:\n"
        "        print(list(spread(lambda n: os.kill(os.getpid(), signal.SIGKILL), [(41,)], 1)))\n"
        "    except ClusterError as error:\n"
        "        print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True)
    assert "processes were killed at one task" in done.stdout, done
    assert "(41,)" in done.stdout
