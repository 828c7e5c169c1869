"""Draws the two pictures of ARCHITECTURE.md: the way of a photograph, and the way of a training batch.

    python research/draw_architecture.py

Every box names what does the work; `tests/test_architecture.py` fails when a name is gone or the pictures are not what
this script draws.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import Final

PICTURES: Final = Path(__file__).parent.parent / "docs" / "pictures"

WIDTH: Final = 900
"""Of a picture, px; boxes stand in three columns."""

COLUMNS: Final = (20, 315, 610)
BOX_WIDTH: Final = 270
BOX_HEIGHT: Final = 62
GAP: Final = 36
"""Between rows, px: an arrow and what it carries."""

COLOURS: Final = {
    "cli": "#f6d5c3", "web": "#f6d5c3", "video": "#f6d5c3", "measure": "#f6d5c3", "translate_files": "#f6d5c3",
    "pipeline": "#cfe3f7", "network": "#cfe3f7", "image": "#d9efd2", "face": "#e9dcf5", "bundle": "#f8ecc0",
    "data": "#d9efd2", "train": "#cfe3f7",
}  # fmt: skip
"""By the first part of a name: callers, the one way, pictures and packs, faces, bundles."""


@dataclass(frozen=True)
class Box:
    """What does a piece of the work.

    Attributes:
        name: below `anime2real`, a module or something in one.
        does: what it does, short enough for the box.
    """

    name: str
    does: str


@dataclass(frozen=True)
class Row:
    """A step of the way: who does it, whom it asks, and what goes on to the next row.

    Attributes:
        boxes: one to three; the first hands on, the others are asked by it.
        carries: what goes on, with its shape; empty in the last row.
    """

    boxes: tuple[Box, ...]
    carries: str = ""


PHOTOGRAPH: Final = (
    Row(
        (
            Box("translate_files", "the command translate: many files"),
            Box("web.state", "serve: a request"),
            Box("video.translate", "a clip, frame by frame"),
        ),
        "a file or its bytes",
    ),
    Row(
        (Box("image.decode.decode", "bounded, upright, sRGB, 8 bits"),),
        "an RGB image (H, W)",
    ),
    Row(
        (
            Box("pipeline.faces_in", "the faces, the largest first"),
            Box("face.finder.FaceFinder", "two small networks"),
        ),
        "faces: five landmarks, tilt, domain",
    ),
    Row(
        (
            Box("pipeline.crop_faces", "each face as the bundle wants it"),
            Box("face.geometry.align", "a similarity, which is kept"),
            Box("face.finder.Labeller", "sex and age, where nobody says"),
        ),
        "crops (K, S, S, 3) uint8, their landmarks and frames",
    ),
    Row(
        (
            Box("pipeline.translate_crops", "crops of several in one batch"),
            Box("network.Network", "ONNX Runtime, on the CPU"),
            Box("network.Networks", "which bundle: core, installed, given"),
        ),
        "results (K, S, S, 3) uint8",
    ),
    Row(
        (
            Box("pipeline.compose", "the face, the pair, or pasted back"),
            Box("face.paste_back.paste_head", "back along the head's outline"),
            Box("face.paste_square.paste", "or as a square whose edges fade"),
        ),
        "an RGB image",
    ),
    Row((Box("image.files.write", "a file, whole or not at all"), Box("image.provenance", "marked as generated"))),
)

BATCH: Final = (
    Row(
        (
            Box("data.pack.Pack", "crops, memory-mapped; landmarks"),
            Box("data.prepare", "made it: crops, drops duplicates"),
        ),
        "uint8 (P, S, S, 3), all on the device",
    ),
    Row(
        (
            Box("train.loop.Loop", "one loop for every method; resumes"),
            Box("train.sampler.Sampler", "which rows, by seed and step"),
        ),
        "rows of N drawings and N photographs, random numbers",
    ),
    Row(
        (
            Box("train.step.TrainingStep", "gathers, mirrors; a CUDA graph"),
            Box("train.step.cropped", "bicubic, the same for its landmarks"),
        ),
        "a Batch: (N, 3, S, S) in [-1, 1] of each domain, landmarks, hair",
    ),
    Row(
        (
            Box("train.methods", "one file a method: losses, step"),
            Box("train.networks", "generators, discriminators, plain"),
            Box("train.accelerated", "the same, fused, for a GPU"),
        ),
        "losses; gradients; Adam moves the weights",
    ),
    Row(
        (
            Box("train.method.Method", "optimizers; EMA of the generators"),
            Box("train.run.checkpoint.Saver", "written beside the training"),
            Box("train.sample_grid", "the same faces, over and over"),
        ),
        "at the end: the averaged generators",
    ),
    Row(
        (
            Box("train.export.to_onnx", "ONNX, fp16, compared with torch"),
            Box("bundle.save.save", "a folder: model, manifest, card"),
        ),
    ),
)

DRAWN: Final = {
    "way-of-a-photograph.svg": ("The way of a photograph", PHOTOGRAPH),
    "way-of-a-batch.svg": ("The way of a training batch", BATCH),
}


def svg(title: str, rows: Sequence[Row]) -> str:
    """A picture as SVG: rows of boxes, an arrow from each row to the next, and lines to those that are asked."""
    height = len(rows) * (BOX_HEIGHT + GAP) + 20
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'font-family="sans-serif" role="img">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        '<marker id="end" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0 L10 5 L0 10 z" fill="#444444"/></marker>',
    ]
    for number, row in enumerate(rows):
        top = 20 + number * (BOX_HEIGHT + GAP)
        middle = top + BOX_HEIGHT / 2
        for left, right in pairwise(COLUMNS[: len(row.boxes)]):
            lines.append(
                f'<line x1="{left + BOX_WIDTH}" y1="{middle:g}" x2="{right}" y2="{middle:g}" stroke="#444444" '
                'stroke-dasharray="3 3"/>'
            )
        for left, box in zip(COLUMNS, row.boxes, strict=False):
            lines += _box(left, top, box)
        if row.carries:
            x, foot = COLUMNS[0] + BOX_WIDTH / 2, top + BOX_HEIGHT
            lines += [
                f'<line x1="{x:g}" y1="{foot}" x2="{x:g}" y2="{foot + GAP}" stroke="#444444" marker-end="url(#end)"/>',
                f'<text x="{x + 12:g}" y="{foot + GAP / 2 + 4:g}" font-size="13" font-style="italic" fill="#333333">'
                f"{escape(row.carries)}</text>",
            ]
    return "\n".join([*lines, "</svg>"]) + "\n"


def _box(left: float, top: float, box: Box) -> list[str]:
    colour = COLOURS[box.name.split(".")[0]]
    return [
        f'<rect x="{left}" y="{top}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="6" fill="{colour}" '
        'stroke="#777777"/>',
        f'<text x="{left + 12}" y="{top + 26}" font-size="13.5" font-family="monospace" fill="#111111">'
        f"{escape(box.name)}</text>",
        f'<text x="{left + 12}" y="{top + 47}" font-size="13" fill="#333333">{escape(box.does)}</text>',
    ]


def main() -> None:
    """Write both."""
    for name, (title, rows) in DRAWN.items():
        (PICTURES / name).write_text(svg(title, rows), encoding="utf-8", newline="\n")
        print(PICTURES / name)


if __name__ == "__main__":
    main()
