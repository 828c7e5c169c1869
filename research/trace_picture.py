"""Count the source files that one photograph crosses on its way to a drawing, and how often it passes between them.

    python research/trace_picture.py [PHOTOGRAPH] [--json FILE]

`anime2real translate PHOTOGRAPH --to anime` runs in this process under `sys.setprofile`, in every thread, and each call
of a function of anime2real is looked at. A file counts if any of its functions runs for the photograph; what runs while
a file is imported, or while a bundle's model is checked, does not count. A border is passed when the nearest caller
inside anime2real is in another file.
"""

import argparse
import contextlib
import functools
import inspect
import io
import json
import sys
import tempfile
import threading
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any, Final

import anime2real
from anime2real.bundle.check import check_translator
from anime2real.cli.main import main

PACKAGE: Final = Path(anime2real.__file__).parent
PHOTOGRAPH: Final = Path(__file__).parent.parent / "docs" / "pictures" / "astronaut.jpg"

CHECK: Final = check_translator.__name__
"""It runs once a bundle, for no photograph."""


class Trace:
    """A profile function that counts calls.

    Attributes:
        calls: of each file.
        borders: passed from one file to another.
    """

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.borders: Counter[tuple[str, str]] = Counter()

    def __call__(self, frame: FrameType, event: str, _: Any) -> None:
        """Look at one event of `sys.setprofile`."""
        here = _file(frame)
        if event != "call" or here is None:
            return
        caller = None
        outer: FrameType | None = frame
        while outer is not None:
            if (there := _file(outer)) is not None:
                if not outer.f_code.co_flags & inspect.CO_OPTIMIZED:  # the body of a module or a class: an import
                    return
                if outer.f_code.co_name == CHECK:
                    return
                caller = caller or (there if outer is not frame else None)
            outer = outer.f_back
        self.calls[here] += 1
        if caller is not None and caller != here:
            self.borders[caller, here] += 1


def _file(frame: FrameType) -> str | None:
    return _in_package(frame.f_code.co_filename)


@functools.cache
def _in_package(name: str) -> str | None:
    path = Path(name)
    return path.relative_to(PACKAGE).as_posix() if path.is_relative_to(PACKAGE) else None


def trace(photograph: Path) -> Trace:
    """What one photograph crosses."""
    traced = Trace()
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        arguments = ["translate", str(photograph), "--to", "anime", "-o", folder]
        threading.setprofile(traced)
        sys.setprofile(traced)
        try:
            code = main(arguments)
        finally:
            sys.setprofile(None)
            threading.setprofile(None)  # type: ignore[arg-type]
    if code != 0:
        raise SystemExit(f"anime2real {' '.join(arguments)} ended with {code}")
    return traced


def run() -> None:
    """Trace, print a line, and write the counts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photograph", type=Path, nargs="?", default=PHOTOGRAPH)
    parser.add_argument("--json", type=Path, help="write the files and borders, with their calls, to this file")
    options = parser.parse_args()
    traced = trace(options.photograph)
    counts = {
        "files": dict(sorted(traced.calls.items())),
        "borders": [{"from": a, "to": b, "calls": count} for (a, b), count in sorted(traced.borders.items())],
        "border_calls": traced.borders.total(),
    }
    if options.json:
        options.json.write_text(json.dumps(counts, indent=1) + "\n", encoding="utf-8")
    print(f"{options.photograph.name}: {len(traced.calls)} files, {traced.borders.total()} calls across their borders")


if __name__ == "__main__":
    run()
