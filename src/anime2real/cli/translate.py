"""The command `translate`, and how it reports."""

import json
import sys
import time
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, Literal

from anime2real.cli.terminal import FAILED, Json, Output, complain
from anime2real.domain import Domain
from anime2real.errors import UsageError
from anime2real.progress import Progress

if TYPE_CHECKING:  # imported when the command runs: `--help` answers at once
    from anime2real.translate_files import Outcome


def translate(
    pictures: list[str],
    /,
    *,
    output: Output,
    to: Domain | None = None,
    method: str | None = None,
    bundle: str | None = None,
    layout: Literal["face", "pair", "paste"] | None = None,
    crop: Literal["face", "none"] = "face",
    format: Literal["png", "jpg", "webp", "avif"] = "png",
    background: str = "white",
    overwrite: bool = False,
    variants: int = 1,
    who: str = "auto",
    threads: int | None = None,
    as_json: Json = False,
) -> int:
    """Translate every face in pictures, videos (with the extra `video`) and animated pictures.

    Args:
        pictures: files, folders and glob patterns.
        output: folder for the results, which keep the pictures' names.
        to: the domain to translate to: real, unless a bundle says otherwise; a clip goes to the domain that most of
            its faces are not of.
        method: an installed method, see `methods`; the best one if not given.
        bundle: the folder of a bundle, or its name on the Hub (hf://OWNER/NAME), in place of a method.
        layout: face shows each face alone, pair beside the crop that went in, paste puts all faces back into the
            picture. If not given: face for pictures, paste for clips.
        crop: face finds the faces; none takes the centre square of each picture, which should be one face.
        format: of the results of pictures; a video becomes MP4, an animated picture keeps its format.
        background: the colour behind transparent pictures, as white or #ffffff.
        overwrite: replace existing results.
        variants: results for each face of a picture, 1 to 16, by the best method that can make several, see `methods`.
        who: who the results should show, by methods that take it, see `methods`: man or woman, an age from 18 to 80, or
            both, as "man, 25"; auto, as each picture has it.
        threads: CPU threads; all cores if not given.
        as_json: print a line of JSON for each file, also for those that fail.
    """
    from anime2real.bundle.format import MOST_VARIANTS
    from anime2real.bundle.registry import find, open_bundle
    from anime2real.face.who import AS_SEEN, AUTO, parse_who
    from anime2real.image.files import find_pictures
    from anime2real.pipeline import who_for
    from anime2real.translate_files import Options, translate_files
    from anime2real.translator import Translator
    from anime2real.video.files import ClipJobs

    if bundle is not None and method is not None:
        raise UsageError("give --method or --bundle, not both")
    if threads is not None and threads < 1:
        raise UsageError(f"--threads must be at least 1, not {threads}")
    if not 1 <= variants <= MOST_VARIANTS:
        raise UsageError(f"--variants goes from 1 to {MOST_VARIANTS}, not {variants}")
    asked = AS_SEEN if who == AUTO else parse_who(who)
    chosen = open_bundle(bundle) if bundle else find(method, to or "real", with_variants=variants > 1)
    if to not in (None, chosen.target):
        raise UsageError(f"{bundle} translates to {chosen.target}, not to {to}: leave --to out")
    if variants > 1 and chosen.variants == 1:
        named = "--bundle" if bundle else "--method"
        raise UsageError(f"{chosen.name} makes one result of a picture: leave out --variants, or {named}")
    who_for(chosen, asked)
    options = Options(layout or "face", crop, format, _colour(background), overwrite, variants, asked)
    translator = Translator(chosen, threads=threads)

    @cache
    def towards(domain: Domain) -> Translator:
        return translator if domain == chosen.target else Translator(find(method, domain), threads=threads)

    found = find_pictures(pictures, output)
    report = OutcomePrinter(len(found), chosen.target, chosen.method, as_json=as_json)
    jobs = ClipJobs(towards, layout, chosen.target if bundle else to, report.frames)
    try:
        for outcome in translate_files(translator, found, output, options, jobs):
            report(outcome)
    finally:
        report.close()
    return FAILED if report.failures else 0


class OutcomePrinter:
    """Prints what became of each file: results on stdout; failures, notes and progress on stderr.

    Args:
        total: number of files.
        to: the domain they are translated to.
        method: the method that translates them.
        as_json: print a line of JSON for each file on stdout, also for those that fail.
    """

    def __init__(self, total: int, to: Domain, method: str, *, as_json: bool) -> None:
        self._total, self._to, self._method, self._as_json = total, to, method, as_json
        self._start = time.perf_counter()
        self._done = 0
        self.failures = 0

    @cached_property
    def _progress(self) -> Progress:
        return Progress()

    def __call__(self, outcome: "Outcome") -> None:
        """Report one file."""
        from anime2real.image.decode import printable

        self._done += 1
        self.failures += outcome.error is not None
        if self._as_json:
            print(json.dumps(self._record(outcome)), flush=True)
        elif outcome.error is not None:
            complain(outcome.error)
        else:
            for note in outcome.notes:
                print(printable(f"note: {outcome.source}: {note}"), file=sys.stderr)
            print(printable(f"{outcome.source} -> {', '.join(map(str, outcome.outputs))}"), flush=True)
        if self._total > 1:
            self._progress("pictures", self._done, self._total)

    def frames(self, name: str, doing: str, done: int, total: int | None) -> None:
        """Say how far a clip is.

        Args:
            name: of the clip.
            doing: what is being done with it.
            done, total: its frames; the total may be unknown.
        """
        self._progress(f"{name}: {doing}, frame", done, total)

    def close(self) -> None:
        """End the progress; on a terminal, sum up."""
        if "_progress" not in vars(self):
            return
        self._progress.close()
        if self._total > 1 and sys.stderr.isatty():
            failed = f", {self.failures} failed" if self.failures else ""
            elapsed = time.perf_counter() - self._start
            print(f"{self._done - self.failures} written{failed}, {elapsed:.1f} s", file=sys.stderr)

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


def _colour(text: str) -> tuple[int, int, int]:
    from PIL import ImageColor

    try:
        red, green, blue = ImageColor.getrgb(text)[:3]
    except ValueError as error:
        raise UsageError(f"--background {text!r} is no colour: give one as white or #ffffff") from error
    return red, green, blue
