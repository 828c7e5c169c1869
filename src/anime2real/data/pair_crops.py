"""The two pictures of a pair in one crop: a drawing or label map, and the photograph whose face says where it lies."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from anime2real.data.duplicates import perceptual_hash
from anime2real.data.members import Member
from anime2real.data.sources import Crop, Cropped, Rejected, crop_box, face_place, frame_of, read_member, sha256_of
from anime2real.face.geometry import Beyond, Similarity, align, around, scaling
from anime2real.image.decode import PictureError, decode
from anime2real.image.label_map import LabelMap, read_label_map

Pair = tuple[Member, Member]
"""The drawing or label map, and the photograph."""

ALIKE: Final = 0.01
"""Share by which the proportions of the two pictures of a pair may differ: rounding of a reduced size."""


def read_pair(pair: Pair, size: int, crop: Crop, classes: tuple[str, ...]) -> tuple[Cropped, Cropped] | Rejected:
    """A pair's two crops, or why it cannot be taken.

    Args:
        pair: its files.
        size: S, pixels a side of the crops.
        crop: of the photograph; the other picture gets the same.
        classes: what the values of a label map stand for; () for a drawing.
    """
    contents = []
    for member in pair:
        content = read_member(member)
        if isinstance(content, Rejected):
            return content
        contents.append(content)
    drawing, photograph = (member.shown_as for member in pair)
    try:
        image = decode(contents[1], name=photograph).image
        other: Image.Image | LabelMap
        if classes:
            other = read_label_map(contents[0], classes, name=drawing)
        else:
            other = decode(contents[0], name=drawing).image
        width, height = other.size if isinstance(other, Image.Image) else other.shape[::-1]
        if abs(width * image.height / (height * image.width) - 1) > ALIKE:
            raise PictureError(f"{drawing} has {width}×{height} px, its photograph {image.width}×{image.height}")
        place, landmarks = _place(image, crop)
    except PictureError as error:
        named = str(error).startswith((drawing, photograph))
        return Rejected("unreadable", str(error) if named else f"{photograph} {error}")
    if place is None:
        return Rejected("no face", f"{photograph} shows no face")
    smaller = scaling(image.width / width).then(place)  # from px of the drawing
    if isinstance(other, Image.Image):
        pixels = _cut(other, smaller, size, crop)
    else:
        pixels = np.repeat(resampled_map(other, smaller, size)[:, :, None], 3, axis=2)
    beyond: Beyond = "mirror" if classes else "quiet"  # a label map goes on by its mirror image: so does what it shows
    frame = None if landmarks is None else frame_of(place, image.size)
    points = None if landmarks is None else landmarks * size
    sides = ((pixels, contents[0], smaller), (_cut(image, place, size, crop, beyond), contents[1], place))
    first, second = (
        Cropped(part, perceptual_hash(Image.fromarray(part)), sha256_of(content), 1 / (of.scale * size), points, frame)
        for part, content, of in sides
    )
    return first, second


def _place(image: Image.Image, crop: Crop) -> tuple[Similarity | None, NDArray[np.float64] | None]:
    """Where a photograph's crop lies, from px to the unit square, and its landmarks there; None without a face."""
    if crop in ("face", "tilted"):
        found = face_place(image, crop)
        return found[:2] if found else (None, None)
    left, top, side = crop_box(*image.size, crop)
    return around((left + side / 2, top + side / 2), side), None


def _cut(image: Image.Image, place: Similarity, size: int, crop: Crop, beyond: Beyond = "quiet") -> NDArray[np.uint8]:
    """The crop (S, S, 3) of a picture in colour, as `sources` takes it."""
    if crop in ("face", "tilted"):
        return np.asarray(align(image, place, size, beyond=beyond))
    (left, top), (right, below) = place.inverse(np.array([[0.0, 0.0], [1.0, 1.0]])).clip(0, image.size).tolist()
    return np.asarray(image.resize((size, size), Image.Resampling.LANCZOS, box=(left, top, right, below)))


def resampled_map(values: LabelMap, place: Similarity, size: int) -> LabelMap:
    """The crop (S, S) of a label map by the nearest neighbour, continued beyond its edges by its mirror image.

    Args:
        values: (H, W).
        place: from px of the map to the unit square of the crop.
        size: S.
    """
    middles = (np.arange(size) + 0.5) / size
    points = place.inverse(np.stack(np.meshgrid(middles, middles), axis=-1))
    bounds = np.array(values.shape[::-1])
    # Rounded first, so that a point that computes to 2.9999999 is pixel 3, where it belongs.
    inside = np.floor(points.round(6)).astype(np.int64) % (2 * bounds)
    columns, rows = np.moveaxis(np.minimum(inside, 2 * bounds - 1 - inside), -1, 0)
    return np.asarray(values[rows, columns], np.uint8)
