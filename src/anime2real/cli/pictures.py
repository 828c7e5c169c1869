"""The commands that look at bundles and pictures: `methods`, `inspect`, `compare`, `evaluate`."""

import json
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from anime2real.cli.terminal import FAILED, Json, Many, Output, complain
from anime2real.domain import Domain
from anime2real.errors import UsageError


def methods(*, as_json: Json = False) -> int:
    """List the bundles that ship.

    Args:
        as_json: as one JSON list.
    """
    from anime2real.bundle.registry import default_method, shipped

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


def inspect(pictures: list[str], /, *, as_json: Json = False) -> int:
    """Say what pictures are: format, size, the marks of their making, and the faces in them; of videos, the marks.

    Args:
        pictures: files, folders and globs.
        as_json: a line of JSON a picture, failures among them.
    """
    from anime2real.face.finder import find_faces
    from anime2real.image.decode import PictureError, decode, printable
    from anime2real.image.files import clip_kind, collect
    from anime2real.image.provenance import film_marks, read_marks

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


def compare(
    bundles: list[str],
    /,
    *,
    output: Output,
    data: Path | None = None,
    pictures: Annotated[list[str] | None, Many] = None,
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
    from anime2real.image.decode import PictureError, printable
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
    failures: list[PictureError] = []
    if data is not None:
        subjects = {source: from_pack(data, source, count) for source in sources}
    elif len(sources) > 1:
        raise UsageError("the bundles go both ways: say with --to which way the pictures are to go")
    else:
        found, failures = from_pictures(pictures or [], count)
        subjects = {sources[0]: found}
    for error in failures:
        complain(error)
    print(printable(write_report(chosen, subjects, output)))
    return FAILED if failures else 0


def evaluate(
    bundles: list[str],
    /,
    *,
    data: Path,
    json_: Annotated[Path | None, Parameter(name="--json")] = None,
    features: Annotated[list[str] | None, Many] = None,
    inception: Path | None = None,
    images: int = 1000,
    turn: float = 0.0,
    px: int | None = None,
    min_scale: float = 0.0,
    device: str = "auto",
    quiet: bool = False,
) -> int:
    """Measure bundles on the test pictures of a pack, and print the table.

    Args:
        bundles: folders of bundles, methods that ship (cyclegan), their bundles (cyclegan-anime-to-real), or names
            on the Hub (hf://OWNER/NAME).
        data: the pack.
        json_: write everything, the protocol included, to this file.
        features: Lite0, VGG, Inception: what pictures are compared by; Lite0 if not given. VGG measures variety too.
        inception: the weights file that torch-fidelity takes, for Inception.
        images: of each domain at most.
        turn: degrees by which every picture is turned first, every second one the other way.
        px: pixels a side at which everything is measured; the pack's if not given. Each bundle gets the pack's pictures
            at its own size.
        min_scale: pixels of its file a side that a test picture must have for each of the pack's: sharp ones alone.
        device: that computes the features: auto, cpu, cuda, cuda:1. The bundles run on the CPU.
        quiet: no progress.
    """
    from anime2real.atomic import atomic_file
    from anime2real.bundle.registry import resolve
    from anime2real.data.pack import Pack
    from anime2real.measure.evaluate import evaluate as measure
    from anime2real.measure.evaluate import table
    from anime2real.measure.features import Features
    from anime2real.train.loop import find_device

    if images < 2:
        raise UsageError(f"--images must be at least 2, not {images}")
    if px is not None and not 32 <= px <= 1024:
        raise UsageError(f"--px goes from 32 to 1024, not {px}")
    if min_scale < 0:
        raise UsageError(f"--min-scale is 0 or more, not {min_scale:g}")
    chosen = [bundle for name in bundles for bundle in resolve(name)]
    pack = Pack(data)
    extractors = [Features(name, inception, find_device(device)) for name in features or ["Lite0"]]
    report = measure(
        chosen, pack, extractors, images=images, turn_degrees=turn, px=px, min_scale=min_scale, quiet=quiet
    )
    print(table(report))
    if json_ is not None:
        json_.parent.mkdir(parents=True, exist_ok=True)
        with atomic_file(json_) as temporary:
            temporary.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return 0
