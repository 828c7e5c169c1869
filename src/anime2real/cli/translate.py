"""The command `translate`, and how it reports."""

import json
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from anime2real.cli.cluster import translate_on
from anime2real.cli.one_way import named_bundle
from anime2real.cli.terminal import FAILED, STDIN, STDOUT, complain
from anime2real.domain import Domain
from anime2real.errors import UsageError, UserError
from anime2real.progress import Progress, tell

if TYPE_CHECKING:  # imported when the command runs: `--help` answers at once
    from anime2real.bundle.format import Bundle
    from anime2real.cli.streams import Destination
    from anime2real.face.who import Who
    from anime2real.image.files import Search
    from anime2real.network import Networks
    from anime2real.outcome import ClipJob, Format, Outcome
    from anime2real.pipeline import FaceChoice


def translate(
    pictures: list[str],
    /,
    *,
    output: Path,
    to: Literal["auto", "real", "anime"] = "auto",
    method: str | None = None,
    bundle: str | None = None,
    layout: Literal["face", "pair", "paste"] | None = None,
    crop: Literal["face", "none"] = "face",
    face: str = "all",
    format: Literal["png", "jpg", "webp", "avif"] | None = None,
    quality: int | None = None,
    background: str = "white",
    overwrite: bool = False,
    skip_existing: bool = False,
    recursive: bool | None = None,
    variants: int = 1,
    who: str = "auto",
    redraw: bool = True,
    threads: int | None = None,
    ray: list[str] | None = None,
    as_json: bool = False,
) -> int:
    """Translate every face in pictures, videos (with the extra `video`) and animated pictures.

    Args:
        pictures: files, folders and glob patterns; - for standard input.
        output: folder for the results, which keep the pictures' names and the folders below those that are named; of
            one picture also a file, as result.png, or - for standard output.
        to: the domain; auto draws photographs and makes people of drawings, by what most faces of a picture are, and
            takes a method that goes one way alone that way.
        method: an installed method, see `methods`; the best one if not given.
        bundle: the folder of a bundle, or its name on the Hub (hf://OWNER/NAME), in place of a method.
        layout: face shows each face alone, pair beside the crop that went in, paste puts all faces back into the
            picture. If not given: face for pictures, paste for clips.
        crop: face finds the faces; none takes the centre square of each picture, which should be one face.
        face: which faces of a picture or clip: all, the largest first; largest; left-to-right, all so; or a number,
            1 for the largest.
        format: of the results of pictures, png if not given; a video becomes MP4, an animated picture keeps its format.
        quality: of jpg, webp and avif, 1 to 100; 92 if not given.
        background: the colour behind transparent pictures, as white or #ffffff.
        overwrite: replace existing results.
        skip_existing: pass over pictures whose results are there; so a stopped command goes on. One that is cut short
            is made again; one that was made by another method, or otherwise than is asked for now, is refused.
        recursive: search folders in folders, too, which results keep; if not said, in folders without pictures.
        variants: results for each face of a picture, 1 to 16, by the best method that can make several, see `methods`.
        who: who the results should show, by methods that take it, see `methods`: man or woman, an age from 18 to 80, or
            both, as "man, 25"; auto, as each picture has it.
        redraw: draw results again, by methods that do so (galatea, to real): fewer broken faces, three times the work.
        threads: CPU threads; all cores if not given, and one for each process of --ray.
        ray: translate on a Ray cluster, with the extra `ray`: the one at HOST:PORT, or, if no address is given, the one
            of this machine. Failures are listed in OUTPUT.failed.csv, too.
        as_json: print a line of JSON for each file, also for those that fail.
    """
    from anime2real.bundle.limits import MOST_VARIANTS
    from anime2real.bundle.redrawer import system_of
    from anime2real.face.who import AS_SEEN, AUTO, parse_who
    from anime2real.image.files import QUALITY, SUFFIXES, Search
    from anime2real.image.films import FILM_SUFFIXES
    from anime2real.making import in_words
    from anime2real.network import Networks
    from anime2real.outcome import Options
    from anime2real.translate_files import translate_files

    _refuse_both("--method", method, "--bundle", bundle)
    _refuse_both("--overwrite", overwrite, "--skip-existing", skip_existing)
    _check_range("threads", threads, 1024)
    _check_range("variants", variants, MOST_VARIANTS)
    _check_range("quality", quality, 100)
    with ExitStack() as until:
        place = _place(pictures, output, format, until)
        if place.to_stdout and (as_json or variants > 1):
            raise UsageError("--output - is for one picture: leave --json and --variants out")
        if quality is not None and place.format == "png":
            raise UsageError("--quality is for jpg, webp and avif: PNG loses nothing")
        asked = AS_SEEN if who == AUTO else parse_who(who)
        domain = None if to == "auto" else to
        given, domain = named_bundle(method, bundle, domain) if method or bundle else (None, domain)
        once = variants == len(pictures) == 1 and Path(pictures[0]).is_file() and ray is None
        threads = threads or (None if ray is None else 1)
        networks = Networks(method, given, with_variants=variants > 1, threads=threads, once=once, redraws=redraw)
        bundles = _able(networks, domain, "--bundle" if bundle else "--method", variants, asked)
        if domain and (chosen := bundles[0]).classes:
            from anime2real.image.label_map import note_of  # not above: few bundles take any

            tell(note_of(chosen, layout))
        options = Options(
            to=domain, layout=layout or "face", crop=crop, faces=_face_choice(face, place.to_stdout, layout),
            format=place.format, quality=quality or QUALITY, background=_colour(background), overwrite=overwrite,
            skip_existing=skip_existing, variants=variants, who=asked,
            systems=tuple(system_of(one, redraws=redraw) for one in bundles) if skip_existing else (),
        )  # fmt: skip
        if (options.layout, options.crop, options.faces, asked) != ("face", "face", "all", AS_SEEN):
            options = replace(options, asked=in_words(layout=options.layout, crop=crop, face=options.faces, who=asked))
        search = Search(place.pictures, SUFFIXES | FILM_SUFFIXES, recursive=recursive, output=place.folder)
        report = OutcomePrinter(
            search, as_json=as_json, tells_domain=domain is None, words=place.words, to_stderr=place.to_stdout
        )

        def take_clip(path: Path, options: Options) -> "ClipJob | UserError | None":
            from anime2real.video.files import ClipJobs  # not above: few commands have a clip

            if place.to_stdout:  # all faces of a frame are one result
                faces = _face_choice(face, False, layout)
                options = replace(options, faces=faces, asked=in_words(face=faces, who=asked))
            return ClipJobs(networks, layout, domain, *frames)(path, options)

        frames = (report.frames,) if ray is None else ()
        if ray is None:
            outcomes = translate_files(networks, search, place.folder, options, take_clip, file=place.file)
        else:
            outcomes = translate_on(ray, threads or 1, networks, search, place, options, take_clip)
        try:
            for outcome in outcomes:
                report(outcome)
        finally:
            report.close()
        place.finish()
    return FAILED if report.failures else 0


@dataclass(frozen=True)
class _Folder:
    """What `streams.Destination` is, where pictures are files and results go to a folder under their names."""

    pictures: list[str]
    folder: Path
    format: "Format"
    file: None = None
    to_stdout: bool = False
    words: Callable[[str], str] = str

    def finish(self) -> None:
        """Nothing is left to do."""


def _place(pictures: list[str], output: Path, format: "Format | None", until: ExitStack) -> "_Folder | Destination":
    if STDIN in pictures or output == Path(STDOUT) or output.suffix:
        from anime2real.cli.streams import Destination

        return Destination(output, pictures, format, until)
    return _Folder(pictures, output, format or "png")


def _refuse_both(one: str, value: object, other: str, other_value: object) -> None:
    if value and other_value:
        raise UsageError(f"give {one} or {other}, not both")


def _check_range(name: str, number: int | None, most: int) -> None:
    if number is not None and not 1 <= number <= most:
        raise UsageError(f"--{name} goes from 1 to {most}, not {number}")


def _able(networks: "Networks", to: Domain | None, option: str, variants: int, who: "Who") -> "list[Bundle]":
    """The bundles that may run; refused is what those, which an option names, cannot do."""
    from anime2real.pipeline import who_for

    bundles = networks.bundles([to] if to else ["real", "anime"])
    for bundle in bundles:
        if variants > 1 and bundle.variants == 1:
            raise UsageError(f"{bundle.name} makes one result of a picture: leave out --variants, or {option}")
        who_for(bundle, who)
    return bundles


class OutcomePrinter:
    """Prints what became of each file: results on stdout; failures, notes and progress on stderr.

    Args:
        search: finds the files.
        as_json: print a line of JSON for each file on stdout, also for those that fail.
        tells_domain: whether lines say what each picture became.
        words: changes names before they are printed.
        to_stderr: tell results on stderr, too.
    """

    def __init__(
        self,
        search: "Search",
        *,
        as_json: bool,
        tells_domain: bool = False,
        words: Callable[[str], str] = str,
        to_stderr: bool = False,
    ) -> None:
        self._search, self._as_json, self._tells_domain, self._words = search, as_json, tells_domain, words
        self._to_stderr, self._start = to_stderr, time.perf_counter()
        self._written = self._skipped = self.failures = 0

    @cached_property
    def _progress(self) -> Progress:
        return Progress()

    @cached_property
    def _total(self) -> int | None:
        """Number of files, for the progress on a terminal; None if they are too many to be counted first."""
        return self._search.count()

    def __call__(self, outcome: "Outcome") -> None:
        """Report one file."""
        from anime2real.image.decode import printable

        self.failures += outcome.error is not None
        self._skipped += outcome.skipped
        self._written += outcome.error is None and not outcome.skipped
        if self._as_json:
            _say(self._words(json.dumps(outcome.as_record())))
        elif outcome.error is not None:
            complain(self._words(outcome.error))
        elif not outcome.skipped:
            for note in outcome.notes:
                tell(self._words(f"note: {outcome.source}: {note}"))
            became = {"real": " (a person)", "anime": " (a drawing)"}.get(outcome.to or "", "")
            line = f"{outcome.source} -> {', '.join(map(str, outcome.outputs))}{became if self._tells_domain else ''}"
            (tell if self._to_stderr else _say)(printable(self._words(line)))
        if self._done > 1 or (sys.stderr.isatty() and self._total != 1):
            self._progress("pictures", self._done, self._total if sys.stderr.isatty() else None)

    @property
    def _done(self) -> int:
        return self._written + self._skipped + self.failures

    def frames(self, name: str, doing: str, done: int, total: int | None) -> None:
        """Say of a clip, by its name, what is being done, and with how many of its frames, if that is known."""
        self._progress(f"{name}: {doing}, frame", done, total)

    def close(self) -> None:
        """End the progress, and sum up what became of more than one file."""
        if "_progress" in vars(self):
            self._progress.close()
        left_out = self._search.left_out_note()
        if self._done + bool(left_out) + self._skipped < 2 or (self._as_json and not sys.stderr.isatty()):
            return
        counts = {"written": self._written, "there already": self._skipped, "failed": self.failures}
        told = ", ".join(f"{count} {what}" for what, count in counts.items() if count or what == "written")
        tell(f"{told}, {time.perf_counter() - self._start:.1f} s{left_out}")


def _say(line: str) -> None:
    try:
        print(line, flush=True)
    except BrokenPipeError:
        raise
    except OSError as error:
        what = f"what is printed cannot be written ({error.strerror or error})"
        raise UserError(f"{what}: free some space, or print elsewhere") from error


def _face_choice(text: str, one_only: bool, layout: str | None) -> "FaceChoice":
    """What --face asks for; one face if only one result can be taken."""
    match text:
        case "all":
            return "largest" if one_only and layout != "paste" else "all"
        case "largest" | "left-to-right":
            return text
    if text.isdecimal() and int(text) > 0:
        return int(text)
    raise UsageError(f"--face is {text!r}: give all, largest, left-to-right, or a number from 1")


def _colour(text: str) -> tuple[int, int, int]:
    from PIL import ImageColor

    try:
        red, green, blue = ImageColor.getrgb(text)[:3]
    except ValueError as error:
        raise UsageError(f"--background {text!r} is no colour: give one as white or #ffffff") from error
    return red, green, blue
