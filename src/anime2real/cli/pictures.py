"""The commands that look at bundles and pictures: `methods`, `inspect`, `compare`, `evaluate`."""

import json
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from anime2real.cli.extras import need_extra
from anime2real.cli.options import Json, Many, Output, Recursive, There
from anime2real.cli.terminal import FAILED, complain
from anime2real.domain import Domain
from anime2real.errors import UsageError


def methods(*, as_json: Json = False) -> int:
    """List the installed bundles; `who` is the ages that one draws if it can be told who to show.

    Args:
        as_json: print them as one JSON list.
    """
    from anime2real.bundle.registry import default_method, shipped

    bundles = shipped()
    defaults = {(default_method(to), to) for to in {b.target for b in bundles}}
    rows = [
        {
            "method": b.method, "from": b.source, "to": b.target, "px": b.px,
            "megabytes": round(b.size_bytes / 1e6, 2), "sha256": b.sha256, "licence": b.licence,
            "redrawn_by": b.redrawn_by, "variants": b.variants, "who": b.ages if b.takes_who else None,
            "default": (b.method, b.target) in defaults,
        }
        for b in bundles
    ]  # fmt: skip
    if as_json:
        print(json.dumps(rows, indent=1))
        return 0
    line = "{:14} {:6} {:6} {:>4} {:>6} {:>8}  {:8}  {:12}  {}"
    print(line.format("method", "from", "to", "px", "MB", "variants", "who", "sha256", "licence"))
    for b in bundles:
        name = f"{b.method} *" if (b.method, b.target) in defaults else b.method
        megabytes = f"{b.size_bytes / 1e6:.2f}"
        ages = "{:g} to {:g}".format(*b.ages) if b.takes_who else "-"
        print(line.format(name, b.source, b.target, b.px, megabytes, b.variants, ages, b.sha256[:12], b.licence))
    print("* the default of its direction; --json prints the sums in full" if rows else "no bundles are installed")
    return 0


def inspect(pictures: list[str], /, *, recursive: Recursive = None, as_json: Json = False) -> int:
    """Print what pictures are: format, size, marks of generation, and the faces in them; for videos, the marks.

    Args:
        pictures: files, folders and glob patterns.
        recursive: search folders in folders, too; if not said, in folders without pictures.
        as_json: print a line of JSON for each picture, also for those that fail; it says how each face looks, too.
    """
    from anime2real.image.decode import PictureError, printable
    from anime2real.image.files import SUFFIXES, collect
    from anime2real.image.films import FILM_SUFFIXES

    failures = 0
    for found in collect(pictures, SUFFIXES | FILM_SUFFIXES, recursive=recursive):
        try:
            if isinstance(found, PictureError):
                raise found
            record = _inspected(found, labelled=as_json)
        except PictureError as error:
            failures += 1
            if as_json:
                name = None if isinstance(found, PictureError) else str(found)
                print(json.dumps({"input": name, "error": str(error)}), flush=True)
            else:
                complain(error)
            continue
        print(json.dumps(record) if as_json else printable(_in_words(record)), flush=True)
    return FAILED if failures else 0


def _inspected(path: Path, *, labelled: bool) -> dict[str, Any]:
    """What `inspect --json` prints of a file; without the labels of its faces unless `labelled`."""
    from anime2real.face.finder import default_labeller
    from anime2real.image.decode import decode, refuse
    from anime2real.image.files import clip_kind, head_of
    from anime2real.image.films import is_film
    from anime2real.image.provenance import film_marks, read_marks
    from anime2real.translator import find_faces

    if clip_kind(path) == "film":
        if not is_film(head_of(path)):
            refuse(path, "is no video, whatever its name says: it begins as none does")
        return {"input": str(path), "marks": film_marks(path), "format": "video"}
    decoded, marks = decode(path), read_marks(path)
    found = find_faces(decoded.image)
    faces = [face.as_record() for face in found]
    if labelled and found:
        labels = default_labeller()(decoded.image, found)
        faces = [face | {"labels": label.as_record()} for face, label in zip(faces, labels, strict=True)]
    record = {"input": str(path), "marks": marks, "faces": faces, "format": decoded.format}
    return record | {"size": list(decoded.image.size), "notes": decoded.notes}


def _in_words(record: dict[str, Any]) -> str:
    is_video = record["format"] == "video"
    marks = [f"{key} {value}" for key, value in record["marks"].items() if not key.startswith("AI")]
    if made_by := record["marks"].get("AISystemUsed"):
        told = [
            record["marks"][key] for key in ("AIPromptInformation", "AISystemVersionUsed") if key in record["marks"]
        ]
        marks.append(f"made by {made_by}" + (f" ({'; '.join(told)})" if told else ""))
    marks = marks or [f"no mark of a generated {'video' if is_video else 'picture'}"]
    if is_video:
        return f"{record['input']}: {'; '.join(['video', *marks])}"
    faces = [
        f"{'a drawn' if face['domain'] == 'anime' else 'a real'} face, tilted by {face['tilt_degrees']:.0f}°"
        for face in record["faces"]
    ]
    width, height = record["size"]
    parts = [f"{record['format']} {width}×{height}", *record["notes"], *marks, *(faces or ["no face"])]
    return f"{record['input']}: {'; '.join(parts)}"


def compare(
    bundles: list[str],
    /,
    *,
    output: Output,
    data: Annotated[Path | None, There] = None,
    pictures: Annotated[list[str] | None, Many] = None,
    to: Domain | None = None,
    count: int = 12,
) -> int:
    """Write a page that shows the same pictures through each bundle, side by side.

    Args:
        bundles: installed methods (cyclegan) or bundles (cyclegan-anime-to-real), folders of bundles, or names on the
            Hub (hf://OWNER/NAME).
        output: the page, one file that ends in .html; an existing one is replaced.
        data: the pack whose test pictures are shown.
        pictures: files, folders and glob patterns to show in place of a pack's pictures.
        to: take only bundles that translate to this domain; needed with --pictures if bundles go both ways.
        count: show at most this many pictures of each domain.
    """
    from anime2real.bundle.registry import find_bundles
    from anime2real.image.decode import PictureError, printable
    from anime2real.measure.compare import from_pack, from_pictures, write_report

    if (data is None) == (pictures is None):
        raise UsageError("give the pictures to compare: --data PACK or --pictures FILES, one of the two")
    if count < 1:
        raise UsageError(f"--count must be at least 1, not {count}")
    if output.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"--output must end in .html, not {output.name}")
    chosen = [bundle for name in bundles for bundle in find_bundles(name) if to in (None, bundle.target)]
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
    data: Annotated[Path, There],
    json_: Annotated[Path | None, Parameter(name="--json")] = None,
    features: Annotated[list[str] | None, Many] = None,
    inception: Annotated[Path | None, There] = None,
    images: int = 1000,
    turn: float = 0.0,
    px: int | None = None,
    min_scale: float = 0.0,
    device: str = "auto",
    quiet: bool = False,
) -> int:
    """Measure bundles on the test pictures of a pack, and print two tables. Needs the extra `measure`.

    Args:
        bundles: installed methods (cyclegan) or bundles (cyclegan-anime-to-real), folders of bundles, or names on the
            Hub (hf://OWNER/NAME).
        data: the pack.
        json_: write all figures and the protocol to this file.
        features: the networks whose features compare pictures: Lite0, VGG, Inception; Lite0 if not given. VGG also
            measures variety.
        inception: for Inception, the weights file that torch-fidelity takes.
        images: use at most this many test pictures of each domain.
        turn: turn every picture by so many degrees first, every second one the other way.
        px: measure pictures of this many pixels a side; of the pack's if not given. Each bundle gets the pack's
            pictures at its own size.
        min_scale: use only sharp test pictures, whose files have at least this many pixels for each of the pack's.
        device: the device that computes the features: auto, cpu, cuda, cuda:1. The bundles run on the CPU.
        quiet: print no progress.
    """
    need_extra("measure", "measuring")
    from anime2real.atomic import atomic_file, made_folder
    from anime2real.bundle.registry import find_bundles
    from anime2real.data.pack import Pack
    from anime2real.measure.evaluate import evaluate as measure
    from anime2real.measure.features import Features
    from anime2real.measure.table import rates_table, table
    from anime2real.train.device import find_device

    if images < 2:
        raise UsageError(f"--images must be at least 2, not {images}")
    if px is not None and not 32 <= px <= 1024:
        raise UsageError(f"--px goes from 32 to 1024, not {px}")
    if min_scale < 0:
        raise UsageError(f"--min-scale is 0 or more, not {min_scale:g}")
    chosen = [bundle for name in bundles for bundle in find_bundles(name)]
    pack = Pack(data)
    extractors = [Features(name, inception, find_device(device)) for name in features or ["Lite0"]]
    report = measure(
        chosen, pack, extractors, images=images, turn_degrees=turn, px=px, min_scale=min_scale, quiet=quiet
    )
    print(table(report), rates_table(report), sep="\n\n")
    if json_ is not None:
        with made_folder(json_.parent), atomic_file(json_) as temporary:
            temporary.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return 0
