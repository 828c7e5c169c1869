"""Masks of the hair in a pack's pictures.

A small network (`scripts/train_hair.py`) marks the hair of an aligned photograph; a guided filter brings the mask to
the picture's edges. Drawn hair is found by its colour (`hair_colour.py`): what is near it, not nearer to the skin's.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from anime2real.atomic import flush
from anime2real.data.arrays import header
from anime2real.data.hair_colour import hair_colour
from anime2real.data.pack import Pack, PackError
from anime2real.data.pack_files import note_hair, write_index
from anime2real.data.workers import Workers, processes_here
from anime2real.face.geometry import Points, to_template
from anime2real.image.cielab import Lab, to_lab
from anime2real.image.guided_filter import guided_filter
from anime2real.progress import Progress
from anime2real.session import open_session, to_float

MODEL: Final = Path(__file__).parent / "models" / "hair.onnx"

SIDE: Final = 128
"""Pixels a side that the network sees; its answer has half as many."""

RADIUS: Final = 1 / 32
"""Of the guided filter, in sides of the picture."""

SMOOTHNESS: Final = 1e-3

CERTAIN: Final = 0.2
"""Levels this near to 0 and 1 become 0 and 1."""

MIN_SHARE: Final = 0.01
"""Of the picture, below which hair has no colour."""

NEAR: Final = 14.0
"""Distance in CIELAB, L* halved, up to which a drawing's pixel is certainly of its hair's colour …"""

FAR: Final = 30.0
"""… and from which it certainly is not."""

_CHUNK: Final = 64


@lru_cache(maxsize=1)
def hair_session(path: Path = MODEL) -> Any:
    """The network, loaded once."""
    return open_session(path, 1)


def hair_mask(picture: Image.Image, session: Any = None) -> NDArray[np.uint8]:
    """Where a photograph shows hair.

    Args:
        picture: RGB, a square crop of an aligned face.
        session: another network than the one that ships.

    Returns:
        (S, S), 0 to 255.
    """
    small = picture if picture.width == SIDE else picture.resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    network = session or hair_session()
    pixels = np.asarray(small)
    # As it is and mirrored: what the network says of both is a little nearer to the truth.
    seen = to_float(np.stack([pixels, pixels[:, ::-1]]))
    one, two = network.run(["hair"], {"image": seen})[0][:, 0]
    levels = Image.fromarray((one + two[:, ::-1]) / 2).resize(picture.size, Image.Resampling.BILINEAR)
    guide = np.asarray(picture, np.float64).transpose(2, 0, 1) / 255
    fine = guided_filter(np.asarray(levels, np.float64), guide, max(1, round(RADIUS * picture.width)), SMOOTHNESS)
    return np.asarray(np.rint(((fine - CERTAIN) / (1 - 2 * CERTAIN)).clip(0, 1) * 255), np.uint8)


def drawn_hair_mask(picture: NDArray[np.uint8], colour: Lab, landmarks: Points) -> NDArray[np.uint8]:
    """Where a drawing shows hair: what has the hair's colour rather than the skin's, and is no part of the face.

    Clothes and walls of the hair's colour are taken for hair.

    Args:
        picture: (S, S, 3) sRGB, an aligned face.
        colour: CIELAB (3,), of the hair.
        landmarks: (5, 2), px.

    Returns:
        (S, S), 0 to 255.
    """
    side = len(picture)
    lab = to_lab(picture)
    y, x = np.mgrid[:side, :side] + 0.5
    unit = to_template(landmarks)(np.stack([x, y], -1).reshape(-1, 2)).reshape(side, side, 2)
    across, down = np.moveaxis(unit, -1, 0)
    cheeks = (abs(across - 0.5) < 0.13) & (down > 0.53) & (down < 0.64)
    away = _distance(lab, colour)
    level = ((FAR - away) / (FAR - NEAR)).clip(0, 1)
    if cheeks.any():
        level[_distance(lab, np.median(lab[cheeks], 0)) < away] = 0
    # Eyes, brows and mouth lie within this; a fringe ends above it.
    face = ((across - 0.5) / 0.24) ** 2 + ((down - 0.62) / 0.22) ** 2 < 1
    level[face] = 0
    smooth = Image.fromarray(np.asarray(np.rint(level * 255), np.uint8)).filter(ImageFilter.MedianFilter(3))
    return np.asarray(smooth)


def _distance(lab: Lab, colour: Lab) -> NDArray[np.float64]:
    return np.asarray(np.linalg.norm((lab - colour) * [0.5, 1.0, 1.0], axis=-1))


def hair_places(masks: NDArray[np.uint8], rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """How far hair covers the forehead, and how far the sides of the jaw: fringes, and long hair.

    Args:
        masks: (P, S, S), 0 to 255, of aligned faces, memory-mapped or not; of tilted faces the places are the
            wrong ones.
        rows: (R,), which of them; one that stands there twice is looked at once.

    Returns:
        (R, 2) in [0, 1].
    """
    side = masks.shape[-1]
    y, x = (np.mgrid[:side, :side] + 0.5) / side
    aside = abs(x - 0.5)
    forehead = (aside < 0.15) & (y > 0.22) & (y < 0.40)
    jaw = (aside > 0.27) & (aside < 0.45) & (y > 0.6) & (y < 0.95)
    different, back = np.unique(rows, return_inverse=True)
    shares = np.empty((len(different), 2))
    for start in range(0, len(different), _CHUNK):  # so that a large pack is not copied
        seen = masks[different[start : start + _CHUNK]]
        for column, place in enumerate((forehead, jaw)):
            shares[start : start + _CHUNK, column] = seen[:, place].mean(1, dtype=np.float64) / 255
    return shares[back]


def colour_inside(picture: NDArray[np.uint8], mask: NDArray[np.uint8]) -> list[float] | None:
    """CIELAB, the median where the mask is certain; None where that is less than `MIN_SHARE` of the picture.

    Args:
        picture: (S, S, 3) sRGB.
        mask: (S, S), 0 to 255.
    """
    inside = mask > 191
    return _rounded(np.median(to_lab(picture[inside]), 0)) if inside.mean() >= MIN_SHARE else None


def need_scipy() -> None:
    """Check that scipy is installed, which sorts the colours of hair.

    Raises:
        PackError: it is not.
    """
    if find_spec("scipy") is None:
        raise PackError('finding hair needs scipy: pip install "anime2real[train]"')


def add_hair(
    folder: Path, *, processes: int | None = None, spread: Workers | None = None, progress: Progress | None = None
) -> int:
    """Give a pack `hair.npy` and each picture's `hair` in index.jsonl; hair that is there is found anew.

    Args:
        folder: of the pack, prepared with the crop rule face or tilted.
        processes: to use; all cores if not given.
        spread: finds it elsewhere, in place of `processes`.
        progress: gets how many pictures are done.

    Whatever stops it, the same call goes on where it stopped.

    Returns:
        The number of pictures whose hair has a colour.

    Raises:
        PackError: if it is no whole pack, has label maps, was prepared without looking for faces, cannot be written, or
            scipy is missing.
    """
    need_scipy()
    pack = Pack(folder)
    pack.need_one_piece("add hair to")
    pack.need_pictures("hair")
    if pack.landmarks is None:
        raise PackError(f"{folder} has no landmarks, which hair needs: prepare it with --crop face or tilted")
    pack.hair = None  # it is not read, and may be of a call that was stopped
    pack.check()
    network = _sum(MODEL)
    pixels, colours = folder / ".hair-pixels", folder / ".hair-colours"
    try:
        spread = spread or processes_here(processes)
        _find(pack, pixels, colours, f"{pack.digest} {network}", spread, progress)
        found = [colour for line in colours.read_text(encoding="utf-8").splitlines()[1:] for colour in json.loads(line)]
        total = hashlib.sha256(np.ascontiguousarray(np.load(pixels, mmap_mode="r")).data).hexdigest()
        flush(pixels)
        pixels.replace(folder / "hair.npy")
    except OSError as error:
        raise PackError(f"{folder} cannot be written: {error.strerror or error}; the same command goes on") from error
    write_index(folder, ({**entry, "hair": hair} for entry, hair in zip(pack.index, found, strict=True)))
    known = sum(colour is not None for colour in found)
    note_hair(folder, pack.meta, total, {"network": network, "known": known})
    colours.unlink()
    return known


def _find(pack: Pack, pixels: Path, colours: Path, key: str, spread: Workers, progress: Progress | None) -> None:
    """Write masks to `pixels`, as .npy, and colours to `colours`, a line a chunk; go on where `key` did so before."""
    shape = pack.images.shape[:3]
    head = header(shape)
    begun = colours.is_file() and pixels.is_file()
    lines = colours.read_text(encoding="utf-8").splitlines(keepends=True) if begun else []
    if lines[:1] == [f"{key}\n"]:
        there = (pixels.stat().st_size - len(head)) // (shape[1] * shape[2])
        whole = [line for line in lines[1:] if line.endswith("\n")]
        lines = [lines[0], *whole[: there // _CHUNK]]
    else:
        lines = [f"{key}\n"]
    done = (len(lines) - 1) * _CHUNK
    colours.write_text("".join(lines), encoding="utf-8")
    pixels.touch()
    with pixels.open("r+b") as masks, colours.open("a", encoding="utf-8") as text:
        masks.write(head)
        masks.seek(len(head) + done * shape[1] * shape[2])
        masks.truncate()
        for found in spread(_hair_of, _Chunks(pack.folder, done), -(-(shape[0] - done) // _CHUNK)):
            masks.write(b"".join(mask.tobytes() for mask, _ in found))
            masks.flush()
            text.write(json.dumps([colour for _, colour in found]) + "\n")  # says that the masks before are there
            text.flush()
            done += len(found)
            if progress is not None:
                progress("finding hair", done, shape[0])


@dataclass(frozen=True)
class _Chunks:
    """The pictures of a pack from `start` on, with what its index says of them, by chunks."""

    folder: Path
    start: int

    def __iter__(self) -> Iterator[tuple[NDArray[np.uint8], list[dict[str, Any]]]]:
        pack = Pack(self.folder)
        for at in range(self.start, len(pack.index), _CHUNK):
            yield pack.images[at : at + _CHUNK], pack.index[at : at + _CHUNK]


def _hair_of(
    pictures: NDArray[np.uint8], entries: Sequence[dict[str, Any]]
) -> list[tuple[NDArray[np.uint8], list[float] | None]]:
    result: list[tuple[NDArray[np.uint8], list[float] | None]] = []
    for pixels, entry in zip(pictures, entries, strict=True):
        picture = Image.fromarray(np.asarray(pixels))
        if entry["domain"] == "real":
            mask = hair_mask(picture)
            result.append((mask, colour_inside(pixels, mask)))
        else:
            landmarks = np.array(entry["landmarks"])
            colour = hair_colour(picture, landmarks)
            if colour is None:
                result.append((np.zeros(pixels.shape[:2], np.uint8), None))
            else:
                result.append((drawn_hair_mask(np.asarray(pixels), colour, landmarks), _rounded(colour)))
    return result


def _rounded(colour: NDArray[np.float64]) -> list[float]:
    return [round(float(value), 2) + 0.0 for value in colour]  # no -0.0


def _sum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
