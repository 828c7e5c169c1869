"""What the command line says: results on stdout, failures and progress on stderr."""

import json
import sys
import time
from typing import TYPE_CHECKING, Any

from anime2real.image.open import printable

if TYPE_CHECKING:
    from anime2real.translate_files import Outcome


class Reporter:
    """Reports pictures one by one, as text or as lines of JSON; on a terminal also how far it is.

    Args:
        total: pictures to come.
        to: the domain translated to.
        method: by which.
        as_json: lines of JSON on stdout, failures among them.
    """

    def __init__(self, total: int, to: str, method: str, *, as_json: bool) -> None:
        self._total, self._to, self._method, self._as_json = total, to, method, as_json
        self._start = time.perf_counter()
        self._done = 0
        self._live = sys.stderr.isatty()
        self._stage, self._told = ("", "", 0.0, 0), 0.0
        self.failures = 0

    def __call__(self, outcome: "Outcome") -> None:
        """Report one picture."""
        self._done += 1
        self.failures += outcome.error is not None
        self._clear()
        if self._as_json:
            print(json.dumps(self._record(outcome)), flush=True)
        elif outcome.error is not None:
            complain(outcome.error)
        else:
            for note in outcome.notes:
                print(printable(f"note: {outcome.source}: {note}"), file=sys.stderr)
            print(printable(f"{outcome.source} -> {', '.join(map(str, outcome.outputs))}"), flush=True)
        if self._live and self._done < self._total:
            seconds = (time.perf_counter() - self._start) / self._done * (self._total - self._done)
            print(f"{self._done} of {self._total}, {seconds:.0f} s left", end="", file=sys.stderr, flush=True)

    def frames(self, name: str, doing: str, done: int, total: int | None) -> None:
        """Tell how far a clip is, on a terminal, some times a second.

        Args:
            name: of the clip.
            doing: what is being done with it.
            done, total: frames of it; the total may be unknown.
        """
        now = time.perf_counter()
        if self._stage[:2] != (name, doing):
            self._stage = (name, doing, now, done)
        if not self._live or now - self._told < 0.2:
            return
        self._told = now
        _, _, start, already = self._stage
        left = f", {(now - start) / (done - already) * (total - done):.0f} s left" if total and done > already else ""
        of = f" of {total}" if total else ""
        self._clear()
        print(printable(f"{name}: {doing}, frame {done}{of}{left}"), end="", file=sys.stderr, flush=True)

    def close(self) -> None:
        """The last line, on a terminal."""
        self._clear()
        if self._live and self._done > 1:
            failed = f", {self.failures} failed" if self.failures else ""
            elapsed = time.perf_counter() - self._start
            print(f"{self._done - self.failures} written{failed}, {elapsed:.1f} s", file=sys.stderr)

    def _clear(self) -> None:
        if self._live:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)

    def _record(self, outcome: "Outcome") -> dict[str, Any]:
        source = None if outcome.source is None else str(outcome.source)
        if outcome.error is not None:
            return {"input": source, "error": outcome.error}
        record: dict[str, Any] = {"input": source, "output": str(outcome.outputs[0])}
        if outcome.record is not None:
            return record | outcome.record | ({"notes": outcome.notes} if outcome.notes else {})
        record["to"] = self._to
        record |= {"method": self._method, "faces": outcome.faces, "seconds": round(outcome.seconds, 4)}
        if len(outcome.outputs) > 1:
            record["outputs"] = [str(path) for path in outcome.outputs]
        return record | ({"notes": outcome.notes} if outcome.notes else {})


def complain(message: object) -> None:
    """One line on stderr, whatever the message holds."""
    line = " ".join(str(message).split()) if "\n" in str(message) else str(message)
    print(printable(f"error: {line}"), file=sys.stderr, flush=True)
