"""The command line: one function a command; what they do lives elsewhere.

Modules that a command needs are imported when it runs, so that `--help` answers at once.
"""

import contextlib
import json
import os
import sys
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import App, CycloptsError, Parameter

from anime2real import __version__
from anime2real.bundle.format import MOST_VARIANTS
from anime2real.bundle.registry import default_method, find, open_bundle, shipped
from anime2real.cli.serving import serve
from anime2real.cli.study import study
from anime2real.cli.terminal import Reporter, complain
from anime2real.cli.training import evaluate, export, prepare, train
from anime2real.domain import Domain
from anime2real.errors import UsageError, UserError
from anime2real.image.open import printable

FAILED, USAGE, INTERRUPTED, READER_GONE = 1, 2, 130, 141

app = App(
    name="anime2real",
    version=__version__,
    help="Turn drawn faces into photographs of people, and people into drawings.",
    help_format="plaintext",
    default_parameter=Parameter(negative=()),
    suppress_keyboard_interrupt=False,
)
Json = Annotated[bool, Parameter(name="--json")]
Output = Annotated[Path, Parameter(name=["--output", "-o"])]


@app.command
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
    threads: int | None = None,
    as_json: Json = False,
) -> int:
    """Translate every face in pictures, videos (with the extra `video`) and animated pictures.

    Args:
        pictures: files, folders and globs.
        output: folder for the results, which keep the pictures' names.
        to: the domain to translate to: real, unless a bundle says otherwise; for clips, away from what most faces are.
        method: one that ships, see `methods`; the best one if not given.
        bundle: the folder of a bundle, or its name on the Hub (hf://OWNER/NAME), in place of one that ships.
        layout: each face alone; beside the crop that went in; or all pasted back into the picture. Pictures: face;
            clips: paste.
        crop: find the faces; or none, for pictures that are one face already: their centre square.
        format: of pictures' results; a video becomes MP4, an animated picture stays what it is.
        background: the colour behind transparent pictures, as white or #ffffff.
        overwrite: replace results that are there.
        variants: results of each face of a picture, up to 16, by the best method that makes several, see `methods`.
        threads: CPU threads; all cores if not given.
        as_json: a line of JSON a picture on stdout, failures among them.
    """
    from anime2real.translate_files import Options, find_pictures, translate_files
    from anime2real.translator import Translator
    from anime2real.video.files import Clips

    if bundle is not None and method is not None:
        raise UsageError("give --method or --bundle, not both")
    if threads is not None and threads < 1:
        raise UsageError(f"--threads must be at least 1, not {threads}")
    if not 1 <= variants <= MOST_VARIANTS:
        raise UsageError(f"--variants goes from 1 to {MOST_VARIANTS}, not {variants}")
    options = Options(layout or "face", crop, format, _colour(background), overwrite, variants)
    chosen = open_bundle(bundle) if bundle else find(method, to or "real", with_variants=variants > 1)
    if to not in (None, chosen.target):
        raise UsageError(f"{bundle} translates to {chosen.target}, not to {to}: leave --to out")
    if variants > 1 and chosen.variants == 1:
        named = "--bundle" if bundle else "--method"
        raise UsageError(f"{chosen.name} makes one result of a picture: leave out --variants, or {named}")
    translator = Translator(chosen, threads=threads)

    @cache
    def towards(domain: Domain) -> Translator:
        return translator if domain == chosen.target else Translator(find(method, domain), threads=threads)

    found = find_pictures(pictures, output)
    report = Reporter(len(found), chosen.target, chosen.method, as_json=as_json)
    clips = Clips(towards, layout, chosen.target if bundle else to, report.frames)
    try:
        for outcome in translate_files(translator, found, output, options, clips):
            report(outcome)
    finally:
        report.close()
    return FAILED if report.failures else 0


@app.command
def methods(*, as_json: Json = False) -> int:
    """List the bundles that ship.

    Args:
        as_json: as one JSON list.
    """
    bundles = shipped()
    defaults = {(default_method(to), to) for to in {b.target for b in bundles}}
    rows = [
        {
            "method": b.method, "from": b.source, "to": b.target, "px": b.px,
            "megabytes": round(b.size_bytes / 1e6, 2), "sha256": b.sha256, "licence": b.licence,
            "variants": b.variants, "default": (b.method, b.target) in defaults,
        }
        for b in bundles
    ]  # fmt: skip
    if as_json:
        print(json.dumps(rows, indent=1))
        return 0
    line = "{:14} {:6} {:6} {:>4} {:>6} {:>8}  {:12}  {}"
    print(line.format("method", "from", "to", "px", "MB", "variants", "sha256", "licence"))
    for row in rows:
        name, size, digest = (
            f"{row['method']}{' *' if row['default'] else ''}",
            row["megabytes"],
            str(row["sha256"]),
        )
        print(
            line.format(
                name, row["from"], row["to"], row["px"], f"{size:.2f}", row["variants"], digest[:12], row["licence"]
            )
        )
    print("* the default; the sums in full: --json" if rows else "no bundles come with this installation")
    return 0


@app.command
def compare(
    bundles: list[str],
    /,
    *,
    output: Output,
    data: Path | None = None,
    pictures: Annotated[list[str] | None, Parameter(consume_multiple=True)] = None,
    to: Domain | None = None,
    count: int = 12,
) -> int:
    """Write a page that shows the same pictures through each bundle, side by side.

    Args:
        bundles: folders of bundles, methods that ship (cyclegan), their bundles (cyclegan-anime-to-real), or names
            on the Hub (hf://OWNER/NAME).
        output: the page, self-contained, ending in .html; replaced if it is there.
        data: the pack whose test pictures are shown.
        pictures: files, folders and globs in place of a pack's; with --to if the bundles go both ways.
        to: only bundles that go to this domain.
        count: pictures of each domain at most.
    """
    from anime2real.bundle.registry import resolve
    from anime2real.image.picture import PictureError
    from anime2real.measure.compare import from_pack, from_pictures, write_report

    if (data is None) == (pictures is None):
        raise UsageError("give the pictures to compare: --data PACK or --pictures FILES, one of the two")
    if count < 1:
        raise UsageError(f"--count must be at least 1, not {count}")
    if output.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"--output must end in .html, not {output.name}")
    chosen = [bundle for name in bundles for bundle in resolve(name) if to in (None, bundle.target)]
    if not chosen:
        raise UsageError(f"none of the bundles goes to {to}")
    sources = sorted({bundle.source for bundle in chosen})
    sizes = {bundle.px for bundle in chosen}
    failures: list[PictureError] = []
    if data is not None:
        subjects = {source: from_pack(data, source, count, sizes) for source in sources}
    elif len(sources) > 1:
        raise UsageError("the bundles go both ways: say with --to which way the pictures are to go")
    else:
        found, failures = from_pictures(pictures or [], count, sizes)
        subjects = {sources[0]: found}
    for error in failures:
        complain(error)
    print(printable(write_report(chosen, subjects, output)))
    return FAILED if failures else 0


@app.command
def inspect(pictures: list[str], /, *, as_json: Json = False) -> int:
    """Say what pictures are: format, size, the marks of their making, and the faces in them; of videos, the marks.

    Args:
        pictures: files, folders and globs.
        as_json: a line of JSON a picture, failures among them.
    """
    from anime2real.face import find_faces
    from anime2real.image.picture import PictureError, collect, decode, read_marks
    from anime2real.video.kinds import clip_kind, film_marks

    failures = 0
    for found in collect(pictures):
        try:
            if isinstance(found, PictureError):
                raise found
            if clip_kind(found) == "film":
                stated = film_marks(found)
                said = "; ".join(f"{key} {value}" for key, value in stated.items()) or "no mark of a generated video"
                line = json.dumps({"input": str(found), "marks": stated, "format": "video"})
                print(line if as_json else printable(f"{found}: video; {said}"), flush=True)
                continue
            decoded, marks = decode(found), read_marks(found)
            faces = [face.as_record() for face in find_faces(decoded.image)]
        except PictureError as error:
            failures += 1
            name = None if isinstance(found, PictureError) else str(found)
            if as_json:
                print(json.dumps({"input": name, "error": str(error)}), flush=True)
            else:
                complain(error)
            continue
        width, height = decoded.image.size
        if as_json:
            record = {"input": str(found), "marks": marks, "faces": faces, "format": decoded.format}
            print(json.dumps(record | {"size": [width, height], "notes": decoded.notes}), flush=True)
        else:
            told = [f"{key} {value}" for key, value in marks.items()] or ["no mark of a generated picture"]
            told += [
                f"{'a drawn' if face['domain'] == 'anime' else 'a real'} face, tilted by {face['tilt_degrees']:.0f}°"
                for face in faces
            ] or ["no face"]
            print(printable(f"{found}: {'; '.join([f'{decoded.format} {width}×{height}', *decoded.notes, *told])}"))
    return FAILED if failures else 0


app.command(prepare)
app.command(train, help_flags=(), version_flags=())
app.command(export)
app.command(evaluate)
app.command(serve)
app.command(study)


def _colour(text: str) -> tuple[int, int, int]:
    from PIL import ImageColor

    try:
        red, green, blue = ImageColor.getrgb(text)[:3]
    except ValueError as error:
        raise UsageError(f"--background {text!r} is no colour: give one as white or #ffffff") from error
    return red, green, blue


def _run(parser: App, tokens: list[str]) -> Any:
    return parser(tokens, exit_on_error=False, print_error=False, result_action="return_value")


def _code(result: Any) -> int:
    return result if isinstance(result, int) else 0


def main(arguments: list[str] | None = None) -> int:
    """Run the command line.

    Returns:
        0 done, 1 something failed, 2 bad usage, 130 interrupted, 141 nobody reads what we print.
    """
    try:
        code = _code(_run(app, sys.argv[1:] if arguments is None else arguments))
        sys.stdout.flush()  # here, where a reader that has gone is still told from a failure
        return code
    except CycloptsError as error:
        complain(f"{error} (anime2real --help)")
        return USAGE
    except UserError as error:
        complain(error)
        return USAGE if isinstance(error, UsageError) else FAILED
    except KeyboardInterrupt:
        complain("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        with contextlib.suppress(OSError):  # what is still buffered goes nowhere, without a word
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return READER_GONE
