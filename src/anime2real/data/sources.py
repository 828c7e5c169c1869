"""Each picture of a source read, cropped and hashed."""

import hashlib
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from anime2real.data.duplicates import perceptual_hash
from anime2real.data.members import Member, Split
from anime2real.domain import Domain
from anime2real.face.finder import default_finder
from anime2real.face.geometry import Similarity, align, centre_box, tilt_of, upright
from anime2real.image.decode import Limits, PictureError, decode

Crop = Literal["face", "tilted", "auto", "centre", "celeba"]
Reason = Literal["unreadable", "no face"]

_CELEBA = {(178, 218): 2.0, (89, 109): 1.0}


def crop_box(width: int, height: int, crop: Crop) -> tuple[float, float, float]:
    """Left, top and side of the square that a crop rule takes of a picture."""
    scale = _CELEBA.get((width, height))
    if crop == "celeba" and scale is None:
        raise PictureError(f"is {width}×{height} px, not one of CelebA's aligned sizes")
    if crop != "centre" and scale is not None:
        # Eyes 19.5 px apart at height 55.5 of 89×109: an 81 px square puts them where FFHQ has them.
        return 4 * scale, 17 * scale, 81 * scale
    return centre_box(width, height)


@dataclass(frozen=True)
class Cropped:
    """A picture, ready for a pack.

    Attributes:
        pixels: (S, S, 3).
        hash: perceptual, 64 bits.
        sha256: of the file it came from.
        scale: px of the file for each px of the crop.
        landmarks: (5, 2) px of the crop, where a face was looked for.
        frame: (2, 3), from places of the crop to places of the file, both in [-1, 1], there too.
        looks: whether the face looks drawn or photographed, there too.
    """

    pixels: NDArray[np.uint8]
    hash: int
    sha256: str
    scale: float
    landmarks: NDArray[np.float64] | None
    frame: NDArray[np.float64] | None = None
    looks: Domain | None = None


@dataclass(frozen=True)
class Rejected:
    """A picture that stays out, and why: in a word, and in a line that names it."""

    reason: Reason
    line: str


Result = Cropped | Rejected


def _decode_one(content: bytes, label: str, size: int, crop: Crop) -> Result:
    landmarks = frame = looks = None
    try:
        image = decode(content, name=label).image
        if crop in ("face", "tilted"):
            found = face_place(image, crop)
            if found is None:
                return Rejected("no face", f"{label} shows no face")
            place, landmarks, looks = found[0], found[1] * size, found[2]
            scale = 1 / (place.scale * size)
            frame = frame_of(place, image.size)
            image = align(image, place, size)
        else:
            left, top, side = crop_box(*image.size, crop)
            scale = side / size
            box = (left, top, left + side, top + side)
            image = image.resize((size, size), Image.Resampling.LANCZOS, box=box)
    except PictureError as error:
        return Rejected("unreadable", str(error) if str(error).startswith(label) else f"{label} {error}")
    return Cropped(np.asarray(image), perceptual_hash(image), sha256_of(content), scale, landmarks, frame, looks)


def sha256_of(content: bytes) -> str:
    """Hex SHA-256 of a file's content."""
    return hashlib.sha256(content).hexdigest()


def face_place(image: Image.Image, crop: Crop) -> tuple[Similarity, NDArray[np.float64], Domain] | None:
    """Where the crop of the largest face lies, from px to the unit square; its landmarks (5, 2) there; its domain."""
    faces = default_finder(1)(image)
    if not faces:
        return None
    place = faces[0].crop if crop == "face" else upright(faces[0].crop)
    return place, place(faces[0].landmarks), faces[0].domain


def split_of(member: Member, sha256: str, test_share: float) -> Split:
    """The split of a picture: what its folder says, else its content decides."""
    by_content: Split = "test" if int(sha256[:8], 16) / 2**32 < test_share else "train"
    return member.split or by_content


def index_entry(
    member: Member,
    split: Split,
    sha256: str | None,
    scale: float,
    landmarks: NDArray[np.float64] | None,
    frame: NDArray[np.float64] | None,
) -> dict[str, Any]:
    """The line of a picture in index.jsonl; arguments as in `Cropped`."""
    return {
        "file": member.shown_as, "domain": member.domain, "split": split, "sha256": sha256, "scale": round(scale, 3),
        "landmarks": None if landmarks is None else [[round(float(v), 2) for v in point] for point in landmarks],
        "tilt": None if landmarks is None else round(tilt_of(landmarks), 4),
        "frame": None if frame is None else [[round(float(v), 5) for v in line] for line in frame],
    }  # fmt: skip


def frame_of(place: Similarity, size: tuple[int, int]) -> NDArray[np.float64]:
    """From places of a crop to places of its picture, both in [-1, 1]: (2, 3), for places as columns (x, y, 1).

    Args:
        place: from px of the picture to the unit square of the crop.
        size: width and height of the picture, px.
    """
    corners = np.array([[0.5, 0.5], [1.0, 0.5], [0.5, 1.0]])
    middle, right, below = place.inverse(corners) / np.array(size) * 2 - 1
    return np.stack([right - middle, below - middle, middle], axis=1)


def decode_chunk(chunk: list[Member], size: int, crop: Crop) -> list[Result]:
    return [_read_and_decode(member, size, crop) for member in chunk]


def _read_and_decode(member: Member, size: int, crop: Crop) -> Result:
    content = read_member(member)
    return content if isinstance(content, Rejected) else _decode_one(content, member.shown_as, size, crop)


_ARCHIVES: dict[Path, zipfile.ZipFile] = {}


def read_member(member: Member) -> bytes | Rejected:
    """The content of a picture's file, of at most as many bytes as `Limits` allows."""
    limits = Limits()
    label = member.shown_as
    try:
        if member.container.is_dir():
            path = member.container / member.name
            if path.stat().st_size > limits.max_bytes:
                return Rejected("unreadable", f"{label} is larger than {limits.max_bytes >> 20} MB")
            content = path.read_bytes()
        else:
            archive = _ARCHIVES.get(member.container) or _ARCHIVES.setdefault(
                member.container, zipfile.ZipFile(member.container)
            )
            information = archive.getinfo(member.name)
            if information.flag_bits & 1:
                return Rejected("unreadable", f"{label} is encrypted")
            if information.file_size > limits.max_bytes:
                return Rejected("unreadable", f"{label} is larger than {limits.max_bytes >> 20} MB")
            with archive.open(information) as file:  # reads no more than its header promised
                content = file.read(limits.max_bytes + 1)
    except (OSError, zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError) as error:
        return Rejected("unreadable", f"{label} cannot be read: {error}")
    except Exception as error:  # zlib.error has no public base
        return Rejected("unreadable", f"{label} is damaged: {error}")
    return content
