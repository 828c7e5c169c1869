"""The comparison page: the same pictures through several bundles, a column for each, in one HTML file.

The page loads nothing: every picture is inlined, and a content policy forbids the rest. All text from bundles and file
names is escaped.
"""

import base64
import html
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image

from anime2real import __version__
from anime2real.atomic import atomic_file, made_folder
from anime2real.bundle.format import Bundle
from anime2real.data.pack import Pack
from anime2real.domain import DOMAINS, Domain, other
from anime2real.errors import UserError
from anime2real.face.geometry import Face
from anime2real.image.decode import PictureError, decode, printable
from anime2real.image.files import collect, encode
from anime2real.image.label_map import coloured
from anime2real.pipeline import crop_faces, translate_crops
from anime2real.session import Pixels
from anime2real.translator import Translator, find_faces

_NAMES: Final = {"anime": "drawings", "real": "photographs"}


class CompareError(UserError):
    """There is nothing to compare, or the page cannot be written."""


@dataclass(frozen=True)
class Subject:
    """A picture to translate.

    Attributes:
        name: of its file.
        image: RGB.
        faces: the largest one; none if the centre square is to be taken for a face.
        lined_up: whether the picture is a lined-up face, as a pack's are.
    """

    name: str
    image: Image.Image
    faces: tuple[Face, ...] = ()
    lined_up: bool = False


def from_pack(folder: Path, domain: Domain, count: int) -> list[Subject]:
    """Pictures of a pack's test split, spread evenly over it; the same ones for the same pack and count.

    Raises:
        PackError: the folder is no pack.
        CompareError: the pack has no test pictures of that domain.
    """
    pack = Pack(folder)
    rows = pack.rows(domain, "test")
    if not len(rows):
        raise CompareError(f"{folder} has no {domain} pictures in its test split: give some with --pictures")
    chosen = rows[np.linspace(0, len(rows) - 1, min(count, len(rows))).round().astype(int)]
    pack.check(chosen)
    return [Subject(str(pack.index[r]["file"]), Image.fromarray(pack.images[r]), lined_up=True) for r in chosen]


def from_pictures(arguments: Sequence[str], count: int) -> tuple[list[Subject], list[PictureError]]:
    """The first `count` pictures of files, folders and globs that can be read, and the failures on the way.

    Raises:
        CompareError: none can be read.
    """
    subjects: list[Subject] = []
    failures: list[PictureError] = []
    for item in collect(arguments, recursive=False):
        if len(subjects) == count:
            break
        try:
            if isinstance(item, PictureError):
                raise item
            image = decode(item).image
            subjects.append(Subject(str(item), image, tuple(find_faces(image)[:1])))
        except PictureError as error:
            failures.append(error)
    if not subjects:
        raise CompareError(f"no picture to compare: {failures[0] if failures else 'none was given'}")
    return subjects, failures


def write_report(bundles: Sequence[Bundle], subjects: Mapping[Domain, Sequence[Subject]], path: Path) -> Path:
    """Translate every picture with every bundle that takes its domain, and write the page.

    Args:
        bundles: in the order of the columns; one that comes twice counts once.
        subjects: of each domain that a bundle takes.
        path: of the page; replaced if it is there.

    Returns:
        `path`.

    Raises:
        BundleError: a bundle is damaged.
        TranslatorError: a network fails.
        CompareError: the page cannot be written.
    """
    unique = list({bundle.folder.resolve(): bundle for bundle in bundles}.values())
    sections = []
    for source in DOMAINS:
        if chosen := [bundle for bundle in unique if bundle.source == source]:
            sections.append(_section(chosen, _labels(chosen), subjects[source]))
    page = _PAGE.format(style=_STYLE, sections="\n".join(sections), version=html.escape(__version__))
    try:
        with made_folder(path.parent), atomic_file(path) as temporary:
            temporary.write_text(page, encoding="utf-8")
    except OSError as error:
        raise CompareError(f"{path} cannot be written ({error.strerror or error}): choose another place") from error
    return path


def _labels(bundles: Sequence[Bundle]) -> list[str]:
    """The methods of the bundles, with their folders if two would read the same."""
    names = [bundle.method for bundle in bundles]
    return [
        bundle.method if names.count(bundle.method) == 1 else f"{bundle.method} ({bundle.folder})" for bundle in bundles
    ]


def _section(bundles: Sequence[Bundle], labels: Sequence[str], subjects: Sequence[Subject]) -> str:
    source, target = bundles[0].source, other(bundles[0].source)
    columns = [_translated(bundle, subjects) for bundle in bundles]
    largest, _ = max(columns, key=lambda column: column[0].shape[1])
    rows = []
    for place, subject in enumerate(subjects):
        name = _text(subject.name)
        cells = [_image(_plain(largest[place]), f"{name}, as it went in")]
        for label, (_, column) in zip(labels, columns, strict=True):
            result = encode(Image.fromarray(column[place]), "WEBP")
            cells.append(_image(result, f"{name}, translated to {target} by {_text(label)}"))
        row = "".join(f"<td>{cell}</td>" for cell in cells)
        rows.append(f'<tr><th scope="row">{name}</th>{row}</tr>')
    pictures = _table(
        f"{len(subjects)} pictures through {len(bundles)} bundles",
        ["picture", "input", *map(_text, labels)],
        rows,
    )
    facts = [_facts(bundle, label) for bundle, label in zip(bundles, labels, strict=True)]
    headers = ["bundle", "px", "MB", "training", "figures", "licence and rights", "SHA-256"]
    title = f"From {_NAMES[source]} to {_NAMES[target]} ({source} to {target})"
    said = _table("What the bundles say of themselves", headers, facts)
    return f'<section style="--columns: {len(bundles) + 1}">\n<h2>{title}</h2>\n{pictures}\n{said}\n</section>'


def _translated(bundle: Bundle, subjects: Sequence[Subject]) -> tuple[Pixels, Pixels]:
    """Inputs and results, (N, S, S, 3) each, cropped as `translate` crops them."""
    crops = [crop_faces(s.image, s.faces, bundle, lined_up=s.lined_up) for s in subjects]
    results = translate_crops(Translator(bundle), crops)
    inputs = np.concatenate([crop.pixels for crop in crops])
    return coloured(inputs, len(bundle.classes)) if bundle.classes else inputs, np.concatenate(results)


def _facts(bundle: Bundle, label: str) -> str:
    training = {key: bundle.training[key] for key in ("minutes", "pairs", "date") if key in bundle.training}
    cells = [
        str(bundle.px), f"{bundle.size_bytes / 1e6:.2f}", _list(training | {"hardware": bundle.hardware}),
        _list(bundle.figures), _list({"licence": bundle.licence, "rights": bundle.rights}),
        f"<code>{_text(bundle.sha256[:12])}</code>",
    ]  # fmt: skip
    return f'<tr><th scope="row">{_text(label)}</th>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>'


def _list(values: Mapping[str, Any]) -> str:
    lines = []
    for key, value in values.items():
        told = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        lines.append(f"{_text(key.replace('_', ' '))}: {_text(told or 'not recorded')}")
    return "<br>".join(lines) or "none recorded"


def _table(caption: str, headers: Sequence[str], rows: Sequence[str]) -> str:
    """A table in a region that can be scrolled by keyboard; headers must be escaped."""
    head = "".join(f'<th scope="col">{header}</th>' for header in headers)
    return (
        f'<div class="wide" role="region" tabindex="0" aria-label="{_text(caption)}">\n<table>\n'
        f"<caption>{_text(caption)}</caption>\n<thead><tr>{head}</tr></thead>\n<tbody>\n"
        + "\n".join(rows)
        + "\n</tbody>\n</table>\n</div>"
    )


def _plain(pixels: Pixels) -> bytes:
    """A WebP without marks, because an input was not generated."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "WEBP", quality=92)
    return buffer.getvalue()


def _image(content: bytes, alternative: str) -> str:
    return f'<img alt="{alternative}" src="data:image/webp;base64,{base64.b64encode(content).decode()}">'


def _text(value: str) -> str:
    return html.escape(printable(value))


_STYLE: Final = """
:root { color-scheme: light dark; --ink: #1c1c1e; --paper: #ffffff; --line: #c9c9cf; --head: #f1f1f4 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #ececf0; --paper: #151517; --line: #45454c; --head: #232327 }
}
body { margin: 0 auto; padding: 1rem; max-width: 100rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.45 system-ui, sans-serif }
.wide { overflow-x: auto; margin-block: 1rem }
table { border-collapse: collapse }
caption { text-align: start; padding-block: .4rem; font-weight: 600 }
th, td { border: 1px solid var(--line); padding: .4rem; text-align: start; vertical-align: top }
thead th { background: var(--head) }
tbody th { font-weight: 400; max-width: 12rem; overflow-wrap: anywhere }
td { max-width: 24rem; overflow-wrap: anywhere }
/* As many beside each other as there are, as large as the page lets them be. */
img { display: block; height: auto; aspect-ratio: 1;
  width: clamp(6rem, calc((min(100vw, 100rem) - 11rem) / var(--columns) - 1rem), 16rem) }
"""

_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>anime2real: the bundles compared</title>
<style>{style}</style>
</head>
<body>
<main>
<h1>The bundles compared</h1>
<p>The same pictures through each bundle. Everything but the inputs was generated.</p>
{sections}
</main>
<footer><p>Made by anime2real {version}.</p></footer>
</body>
</html>
"""
