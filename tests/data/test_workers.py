"""Results come in order, whoever works; a process that is killed is told in a line, and none outlives its parent."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from anime2real.data.pack import PackError
from anime2real.data.workers import STOPPING, in_order, no_stderr

SOURCE = Path(__file__).parent.parent.parent / "src"


@pytest.mark.parametrize("processes", [1, 3])
def test_results_come_in_order(processes: int) -> None:
    assert list(in_order(divmod, ((n, 7) for n in range(40)), 40, processes)) == [divmod(n, 7) for n in range(40)]


def test_a_killed_process_is_said_in_one_line() -> None:
    with pytest.raises(PackError, match=r"a process was killed.*run the same command again") as caught:
        list(in_order(os._exit, [(9,)] * 4, 4, 2))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("step", ["open", "dup2", "close"])
def test_an_interruption_while_a_process_starts_leaves_stderr_as_it_was(
    monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    function, calls, there = getattr(os, step), list[int](), os.fstat(2)

    def interrupted(*arguments: Any) -> Any:
        result = function(*arguments)
        calls.append(1)
        if len(calls) == 1:
            raise KeyboardInterrupt
        return result

    monkeypatch.setattr(os, step, interrupted)
    with pytest.raises(KeyboardInterrupt), no_stderr():
        pass
    assert os.path.samestat(os.fstat(2), there)


def test_no_process_is_no_way_to_work() -> None:
    with pytest.raises(PackError, match="--processes is 1 or more, not 0"):
        list(in_order(divmod, [(1, 2)], 1, 0))


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="looks for processes as Linux shows them")
def test_workers_end_with_a_parent_that_is_killed() -> None:
    script = (
        "import os, time\nfrom anime2real.data.workers import in_order\n"
        "if __name__ == '__main__':\n"
        "    for pid in in_order(os.getpid, [()] * 4, 4, 2):\n        print(pid, flush=True)\n"
        "        for _ in in_order(time.sleep, [(60,)] * 4, 4, 2): pass\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    with subprocess.Popen([sys.executable, "-c", script], env=environment, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        path = Path("/proc") / str(parent.pid) / "task" / str(parent.pid) / "children"
        deadline = time.monotonic() + 20
        while len(path.read_text().split()) < 5 and time.monotonic() < deadline:  # two pools and what tracks resources
            time.sleep(0.05)
        children = [int(pid) for pid in path.read_text().split()]
        assert worker in children
        parent.send_signal(signal.SIGKILL)
    while any(map(_runs, children)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not [pid for pid in children if _runs(pid)]


@pytest.mark.skipif(sys.platform == "win32", reason="sends Ctrl-C in another way")
@pytest.mark.parametrize(("finishing", "presses"), [(True, 1), (True, 2), (False, 1)])
def test_ctrl_c_says_at_once_what_it_waits_for(tmp_path: Path, finishing: bool, presses: int) -> None:
    """The first lets processes finish what they keep; the second, or the first where nothing is kept, ends them."""
    seconds = 1.5 if finishing and presses == 1 else 60
    script = (
        "import sys, time\nfrom anime2real.data.workers import in_order\n"
        f"sys.path.insert(0, {str(tmp_path)!r})\nfrom noting import noting\n"
        "if __name__ == '__main__':\n"
        f"    tasks = [('0', 0), ('1', {seconds}), ('2', {seconds}), ('3', 60), ('4', 60)]\n"
        f"    try:\n        list(in_order(noting, tasks, 5, 2, finishing={finishing}))\n"
        "    except KeyboardInterrupt:\n        print('interrupted', file=sys.stderr)\n"
    )
    (tmp_path / "noting.py").write_text(
        "import time\nfrom pathlib import Path\nfolder = Path(__file__).parent\n"
        "def noting(name, seconds):\n    (folder / f'{name}.begun').touch()\n    time.sleep(seconds)\n"
        "    (folder / f'{name}.done').touch()\n"
    )
    (tmp_path / "script.py").write_text(script)
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    command = [sys.executable, str(tmp_path / "script.py")]
    with subprocess.Popen(
        command, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as parent:
        assert parent.stderr is not None
        deadline = time.monotonic() + 50
        while not all((tmp_path / f"{name}.begun").exists() for name in "12") and time.monotonic() < deadline:
            time.sleep(0.02)
        for press in range(presses):
            os.killpg(parent.pid, signal.SIGINT)
            if finishing and press == 0:
                assert parent.stderr.readline() == f"{STOPPING}\n"
                assert not (tmp_path / "1.done").exists()
        assert parent.stderr.read() == "interrupted\n"
        assert parent.wait(20) == 0
    done = sorted(path.stem for path in tmp_path.glob("*.done"))
    assert done == (["0", "1", "2"] if finishing and presses == 1 else ["0"])
    assert not (tmp_path / "4.begun").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="starts processes in another way")
def test_a_parent_that_is_killed_as_it_starts_a_worker_leaves_no_traceback() -> None:
    script = (
        "import os, signal\nfrom multiprocessing import util\nfrom anime2real.data.workers import in_order\n"
        "if __name__ == '__main__':\n"
        "    start = util.spawnv_passfds\n"
        "    def begin(path, arguments, fds):\n"
        "        started = start(path, arguments, fds)\n"
        "        if b'spawn_main' in b''.join(map(os.fsencode, arguments)): os.kill(os.getpid(), signal.SIGKILL)\n"
        "        return started\n"
        "    util.spawnv_passfds = begin\n"
        "    list(in_order(divmod, [(3, 2)] * 4, 4, 2))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    # The worker holds stdout, so that its end is waited for.
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (-signal.SIGKILL, "")


def _runs(pid: int) -> bool:
    try:
        return ") Z" not in (Path("/proc") / str(pid) / "stat").read_text()
    except OSError:
        return False
