"""The pictures that bundles are measured on: those of a pack, with their faces, as a bundle is given them."""

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from anime2real.data.pack import Pack
from anime2real.domain import Domain
from anime2real.errors import UserError
from anime2real.face.finder import default_finder
from anime2real.face.geometry import Face, Points, Similarity, align, scaling
from anime2real.measure.distances import Vectors
from anime2real.measure.rates import read_labels
from anime2real.measure.sharpness import resized
from anime2real.pipeline import crop_lined_up
from anime2real.session import Pixels, available_cores


class EvaluationError(UserError):
    """A pack that the bundles cannot be measured on."""


@dataclass(frozen=True)
class Subjects:
    """Test pictures of one domain with their faces.

    Attributes:
        pixels: (N, S, S, 3).
        landmarks: (N, 5, 2) px.
        labels: (N, 6), as `read_labels`; NaN of label maps.
        sources: N names, of the archive or folder that each came from.
        faceless: how many had no face, and are left out.
    """

    pixels: Pixels
    landmarks: Points
    labels: Vectors
    sources: list[str]
    faceless: int

    def seen(self, share: float, px: int) -> tuple[Pixels, Points]:
        """The pictures in crops of a share of their side, as `translate` gives them to a bundle of that `crop_share`.

        Returns:
            (N, px, px, 3), and landmarks (N, 5, 2) in shares of the crop's side.
        """
        if share == 1:
            return resized(self.pixels, px), self.landmarks / self.pixels.shape[1]
        crops, frames = zip(*(crop_lined_up(Image.fromarray(p), px, share) for p in self.pixels), strict=True)
        return np.stack(crops), np.stack([f(points) for f, points in zip(frames, self.landmarks, strict=True)])


def subjects_of(pack: Pack, domain: Domain, images: int, turn_degrees: float, min_scale: float) -> Subjects:
    """The first test pictures of a domain in which a face is found; of label maps, those that know where theirs is.

    Raises:
        EvaluationError: there are fewer than two.
        PackError: a scale is asked for that the pack does not know.
    """
    rows = pack.of_scale(pack.rows(domain, "test"), min_scale)[:images]
    if len(rows) < 2:
        asked = f", of a scale of at least {min_scale:g}" if min_scale else ""
        raise EvaluationError(
            f"{pack.folder} has {len(rows)} {domain} test pictures: at least two are needed{asked}; prepare it with"
            " more pictures, or a larger --test-share"
        )
    pack.check(rows)
    if pack.classes and domain == "anime":
        return _label_maps(pack, rows, turn_degrees)
    pictures = [Image.fromarray(pack.images[row]) for row in rows]
    if turn_degrees:
        angle = math.radians(turn_degrees)
        pictures = [turned(picture, angle if i % 2 == 0 else -angle) for i, picture in enumerate(pictures)]
    faces = find_all(pictures)
    with_face = [i for i, found in enumerate(faces) if found]
    if len(with_face) < 2:
        raise EvaluationError(f"no faces are found in the {domain} test pictures of {pack.folder}")
    pixels = np.stack([np.asarray(pictures[i]) for i in with_face])
    landmarks = np.stack([faces[i][0].landmarks for i in with_face])
    sources = pack.sources(rows[with_face])
    return Subjects(pixels, landmarks, read_labels(pixels, landmarks), sources, len(rows) - len(with_face))


def _label_maps(pack: Pack, rows: NDArray[np.int64], turn_degrees: float) -> Subjects:
    """Label maps show no face to find: theirs are where those of their photographs are."""
    if pack.landmarks is None or turn_degrees:
        raise EvaluationError(f"{pack.folder} has label maps: prepare it with --crop face, and leave turned faces out")
    landmarks = (pack.landmarks[rows].astype(np.float64) + 1) / 2 * pack.size
    return Subjects(pack.images[rows], landmarks, np.full((len(rows), 6), np.nan), pack.sources(rows), 0)


def find_all(pictures: Sequence[Image.Image]) -> list[list[Face]]:
    """The faces in each; a thread a core, since one network on so small a picture gains little by more."""
    with ThreadPoolExecutor(available_cores()) as pool:
        return list(pool.map(default_finder(1), pictures))


def turned(picture: Image.Image, angle: float) -> Image.Image:
    """A square picture turned clockwise about its middle; its border is continued."""
    side = picture.width
    linear = complex(math.cos(angle), math.sin(angle))
    middle = complex(side / 2, side / 2)
    return align(picture, Similarity(linear, middle - linear * middle).then(scaling(1 / side)), side, beyond="mirror")
