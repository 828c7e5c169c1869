"""The command line: one function a command; what they do lives elsewhere."""

import contextlib
import importlib.util
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import App, CycloptsError, Parameter

from anime2real import __version__
from anime2real.bundle import DEFAULT_METHOD
from anime2real.domain import Domain
from anime2real.errors import UserError

FAILED, USAGE, INTERRUPTED = 1, 2, 130

app = App(
    name="anime2real",
    version=__version__,
    help="Turn drawn faces into photographs of people, and people into drawings.",
)
Flag = Annotated[bool, Parameter(negative=())]


@app.command
def translate(
    pictures: Annotated[list[str], Parameter(negative=())],
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"])],
    to: Domain = "real",
    method: str = DEFAULT_METHOD,
    bundle: Path | None = None,
    layout: Literal["face", "pair"] = "face",
    format: Literal["png", "jpg", "webp", "avif"] = "png",
    background: str = "#ffffff",
    overwrite: Flag = False,
    threads: int = 0,
    json_lines: Annotated[bool, Parameter(name="--json", negative=())] = False,
) -> int:
    """Translate pictures of faces; each is taken as one face, its centre square.

    Args:
        pictures: files, folders and globs.
        output: folder for the results, which keep the pictures' names.
        to: the domain to translate to.
        method: of the shipped bundles; see `methods`.
        bundle: a bundle's folder, in place of a shipped one.
        layout: the result alone, or the input beside it.
        format: of the results.
        background: what shows through transparent pictures, as a colour.
        overwrite: replace results that are there.
        threads: to compute with; all cores if 0.
        json_lines: print a line of JSON a picture.
    """
    from anime2real.translate import Job, translate_all

    job = Job(
        pictures, output, to, method, bundle, layout, format, _colour(background), overwrite, threads, json_lines
    )
    return FAILED if translate_all(job) else 0


@app.command
def methods(*, json_output: Annotated[bool, Parameter(name="--json", negative=())] = False) -> int:
    """List the bundles that ship.

    Args:
        json_output: as JSON.
    """
    from anime2real.bundle import shipped

    rows = [
        {
            "method": b.method, "from": b.source, "to": b.target, "px": b.px, "megabytes": round(b.size_bytes / 1e6, 2),
            "sha256": b.sha256, "licence": b.licence, "default": b.method == DEFAULT_METHOD,
        }
        for b in shipped()
    ]  # fmt: skip
    if json_output:
        print(json.dumps(rows, indent=1))
        return 0
    print(f"{'method':14} {'from':6} {'to':6} {'px':>4} {'MB':>6}  sha256        licence")
    for row in rows:
        star = "*" if row["default"] else " "
        print(
            f"{row['method']:13}{star} {row['from']:6} {row['to']:6} {row['px']:4} {row['megabytes']:6.2f}  "
            f"{str(row['sha256'])[:12]}  {row['licence']}"
        )
    print("* the default")
    return 0


@app.command
def compare(
    bundles: Annotated[list[str], Parameter(negative=())],
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"])],
    data: Path | None = None,
    pictures: Annotated[list[str] | None, Parameter(negative=(), consume_multiple=True)] = None,
    count: int = 12,
    seed: int = 0,
) -> int:
    """The same pictures through each bundle, side by side, on one self-contained page.

    Args:
        bundles: folders, or names of shipped ones such as cyclegan or cyclegan-anime-to-real.
        output: the page, ending in .html; replaced if it is there.
        data: a pack, whose test pictures are taken.
        pictures: files, folders or globs, in place of a pack, taken for either direction.
        count: pictures of each domain.
        seed: by which they are chosen.
    """
    from anime2real.compare import write_page

    print(write_page(bundles, output, data, pictures or [], count, seed))
    return 0


@app.command
def prepare(
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"])],
    size: int,
    anime: Annotated[list[Path] | None, Parameter(negative=(), consume_multiple=True)] = None,
    real: Annotated[list[Path] | None, Parameter(negative=(), consume_multiple=True)] = None,
    both: Annotated[list[Path] | None, Parameter(negative=(), consume_multiple=True)] = None,
    layout: Annotated[dict[str, Domain] | None, Parameter(name="--layout")] = None,
    crop: Literal["auto", "centre", "celeba"] = "auto",
    test_share: float = 0.05,
    licence: str = "",
    near: int = 4,
    overwrite: Flag = False,
    quiet: Flag = False,
) -> int:
    """Make a pack to train on from folders or zip archives of pictures.

    Args:
        output: the pack's folder.
        size: pixels a side.
        anime: folders or archives of drawings.
        real: folders or archives of photographs.
        both: folders or archives that hold both, as trainA/, trainB/, testA/ … or one folder a domain.
        layout: what the names in `both` mean, as --layout.A real --layout.B anime.
        crop: centre square, or CelebA's aligned pictures to the face; auto decides by their size.
        test_share: share of the pictures kept for testing, where their folders do not say.
        licence: of the pictures, for the model cards.
        near: bits of 64 by which near-duplicates differ at most; 0 keeps them.
        overwrite: replace a pack that is there.
        quiet: no progress.
    """
    from anime2real.train.prepare import prepare as make

    summary = make(
        anime or [], real or [], output, size=size, both=both or [], layout=layout, crop=crop, test_share=test_share,
        licence=licence, near=near, overwrite=overwrite, quiet=quiet,
    )  # fmt: skip
    for line in summary.bad:
        print(f"skipped: {line}", file=sys.stderr)
    print(json.dumps({"pack": str(summary.folder), "counts": summary.counts, "dropped": summary.dropped}))
    return FAILED if summary.bad else 0


@app.command
def inspect(
    pictures: Annotated[list[str], Parameter(negative=())],
    *,
    json_lines: Annotated[bool, Parameter(name="--json", negative=())] = False,
) -> int:
    """Say what a picture is: format, size, and the marks of its making.

    Args:
        pictures: files, folders and globs.
        json_lines: a line of JSON a picture.
    """
    from anime2real.picture import PictureError, collect, decode, read_marks

    failed = 0
    for path in collect(pictures):
        try:
            if isinstance(path, PictureError):
                raise path
            decoded, marks = decode(path), read_marks(path)
        except PictureError as error:
            failed += 1
            print(json.dumps({"input": str(path), "error": str(error)}) if json_lines else f"error: {error}", flush=True)
            continue
        fields = asdict(decoded) | {"input": str(path), "marks": marks, "notes": list(decoded.notes)}
        del fields["image"]
        if json_lines:
            print(json.dumps(fields))
        else:
            told = ", ".join(f"{key} {value}" for key, value in marks.items()) or "no marks of generated pictures"
            print(f"{path}: {decoded.format} {decoded.size[0]}×{decoded.size[1]}; {'; '.join([*decoded.notes, told])}")
    return FAILED if failed else 0


@app.command
def export(run: Path, *, output: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None) -> int:
    """Write the bundles of a run as its newest checkpoint stands.

    Args:
        run: the run folder.
        output: where the bundles go; into the run itself if not given.
    """
    _need_training()
    from anime2real.train.command import export as write

    for folder in write(run, output):
        print(folder)
    return 0


def _need_training() -> None:
    missing = [m for m in ("torch", "safetensors", "scipy", "onnx", "tomli_w") if importlib.util.find_spec(m) is None]
    if missing:
        raise UserError(f'training needs {", ".join(missing)}, not installed here: pip install "anime2real[train]"')


def _colour(text: str) -> tuple[int, int, int]:
    from PIL import ImageColor

    try:
        red, green, blue = ImageColor.getrgb(text)[:3]
    except ValueError as error:
        raise _Usage(f"--background {text!r} is no colour: give one as #ffffff or white") from error
    return red, green, blue


class _Usage(UserError):
    """Bad usage that the parser cannot see."""


app.command("anime2real.train.command:app", name="train", help="Train a method on a pack; the same command resumes.")


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 something failed, 2 bad usage, 130 interrupted."""
    tokens = sys.argv[1:] if arguments is None else arguments
    try:
        if tokens[:1] == ["train"]:
            _need_training()
        result: Any = app(tokens, exit_on_error=False, print_error=True, result_action="return_value")
        code = result if isinstance(result, int) else 0
    except CycloptsError:
        code = USAGE  # already printed
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        code = USAGE if isinstance(error, _Usage) else FAILED
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BrokenPipeError:
        # The reader has gone (`| head`): nothing more to say, and nothing to complain about at exit either.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = FAILED
    sys.exit(code)
