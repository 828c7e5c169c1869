"""`anime2real translate` in a pipe, on a terminal, and as it goes."""

import io
import os
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from translating import draw

from anime2real.cli.main import main
from anime2real.cli.translate import OutcomePrinter
from anime2real.image.files import Search, clip_kind
from anime2real.outcome import Outcome

SOURCE = Path(__file__).parent.parent.parent / "src"


def test_progress_on_a_terminal_alone(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    outcomes = [Outcome(Path("a"), (Path("o/a.png"),)), Outcome(Path("b"), error="b\nis\x1b bad")]

    def report() -> str:
        reporter = OutcomePrinter(Search(["x", "y", "z"]), as_json=False)
        for outcome in outcomes:
            reporter(outcome)
        reporter.close()
        assert reporter.failures == 1
        return capsys.readouterr().err

    assert report().splitlines()[0] == "error: b is? bad"
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    told = report()
    assert "pictures" in told
    assert "2/3" in told
    assert told.endswith("s\n")
    assert "1 written, 1 failed" in told


PROGRAM = [sys.executable, "-c", "import sys; from anime2real.cli.main import main; sys.exit(main())", "translate"]


ENVIRONMENT = {**os.environ, "PYTHONPATH": str(SOURCE)}


def test_standard_input_and_output(tmp_path: Path, bundle: str) -> None:
    command = [*PROGRAM, "-", "-o", "-", "--crop", "none", "--bundle", bundle]
    content = draw(tmp_path / "a.png", 3).read_bytes()
    done = subprocess.run(command, input=content, capture_output=True, check=True, env=ENVIRONMENT)
    with Image.open(io.BytesIO(done.stdout)) as made:
        assert np.asarray(made)[0, 0, 0] == 255 - 3
    assert done.stderr.decode() == "- -> standard output\n"
    failed = subprocess.run(command, input=b"none", capture_output=True, check=False, env=ENVIRONMENT)
    assert (failed.returncode, failed.stdout) == (1, b"")
    assert failed.stderr.decode().startswith("error: - is not a picture")


FULL = "error: what is printed cannot be written (No space left on device): free some space, or print elsewhere"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.parametrize(
    ("streams", "code", "said"),
    [
        ("2>&-", 0, ""), (">&-", 0, ""), ("2>/dev/full", 0, ""),
        (">/dev/full", 1, FULL),
    ],
)  # fmt: skip
def test_streams_that_are_closed_or_full(tmp_path: Path, bundle: str, streams: str, code: int, said: str) -> None:
    command = [*PROGRAM, str(draw(tmp_path / "a.png")), "--crop", "none", "--bundle", bundle, "-o", str(tmp_path / "o")]
    line = f"{shlex.join(command)} {streams}"
    done = subprocess.run(line, shell=True, capture_output=True, text=True, check=False, env=ENVIRONMENT)
    assert (done.returncode, done.stderr.strip()) == (code, said)
    assert (tmp_path / "o" / "a.png").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="closes no streams so")
def test_a_closed_standard_output_takes_no_picture(tmp_path: Path, bundle: str) -> None:
    command = [*PROGRAM, str(draw(tmp_path / "a.png")), "--crop", "none", "--bundle", bundle, "-o", "-"]
    line = f"{shlex.join(command)} >&-"
    done = subprocess.run(line, shell=True, capture_output=True, text=True, check=False, env=ENVIRONMENT)
    assert done.returncode == 2
    assert done.stderr.startswith("error: --output - writes to standard output, which is closed: name a file (")


def test_a_folder_starts_at_once(tmp_path: Path, bundle: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for i in range(60):
        draw(tmp_path / "in" / f"{i:02}.png")
    looked_at: list[Path] = []

    def looks(path: Path) -> str | None:
        looked_at.append(path)
        return clip_kind(path)

    monkeypatch.setattr("anime2real.results.clip_kind", looks)
    seen: list[int] = []
    monkeypatch.setattr(OutcomePrinter, "__call__", lambda self, outcome: seen.append(len(looked_at)))
    command = ["translate", "--crop", "none", str(tmp_path / "in"), "-o", str(tmp_path / "o"), "--bundle", bundle]
    main(command)
    assert len(seen) == 60
    assert seen[0] <= 32
