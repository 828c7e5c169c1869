"""A picture's way: decode → find faces → crop → translate → compose.

`translator.py` takes all steps for one picture. The command line, the server, video and the measures take the same
steps and queue pictures in their own ways; no other module crops faces, batches crops or pastes results.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from anime2real.bundle.format import Bundle
from anime2real.domain import Domain, other
from anime2real.face.finder import default_finder, default_labeller
from anime2real.face.geometry import (
    TEMPLATE,
    Face,
    Similarity,
    align,
    around,
    centre_box,
    closer,
    square,
    upright,
)
from anime2real.face.paste_square import paste
from anime2real.face.who import AS_SEEN, Who, WhoError, parse_who
from anime2real.image.label_map import label_picture
from anime2real.image.picture import Picture
from anime2real.network import Network, TranslatorError, who_input
from anime2real.session import Pixels

if TYPE_CHECKING:
    from anime2real.face.paste_back import Head

AnyPicture = TypeVar("AnyPicture", bound=Picture)
Layout = Literal["face", "pair", "paste"]
"""Each face alone; beside the crop that went in; or all pasted back into the picture."""

Crop = Literal["face", "none"]
"""Find the faces and line them up; or take the centre square for one."""

FaceChoice = Literal["all", "largest", "left-to-right"] | int
"""Which faces of a picture, in which order: all, the largest first; that one; all, from the left; or the one with a
number, where the largest is 1."""


class NoFaceError(TranslatorError):
    """No face was found in a picture that needs one.

    Args:
        where: the name of the picture.
        instead: what the user can do if the picture is a face.
    """

    def __init__(self, where: str, instead: str = "") -> None:
        hint = f"; if it is one face and nothing else, {instead}" if instead else ""
        super().__init__(f"{where}: no face found{hint}")


@dataclass(frozen=True)
class Crops:
    """K faces of a picture, as squares that a network takes.

    Attributes:
        image: the picture, RGB.
        faces: the K faces that were cropped; empty if the centre square was taken for one, and K is 1.
        pixels: (K, S, S, 3), sRGB.
        frames: K similarities, from px of the picture to the unit square.
        landmarks: (K, 5, 2), shares of the crop's side.
        who: (K, 2), who the results should show, for bundles that are told: sex from -1 (woman) to 1 (man), age / 100.
        cutout: RGBA, the picture on no background, if it is to be pasted into in place of `image`.
    """

    image: Image.Image
    faces: tuple[Face, ...]
    pixels: Pixels
    frames: tuple[Similarity, ...]
    landmarks: NDArray[np.float64]
    who: NDArray[np.float64] | None = None
    cutout: Image.Image | None = None

    def select(self, chosen: NDArray[np.bool_]) -> "Crops":
        """Only the crops for which `chosen` (K,) is true, as the network takes them; faces and frames stay complete."""
        who = None if self.who is None else self.who[chosen]
        return replace(self, pixels=self.pixels[chosen], landmarks=self.landmarks[chosen], who=who)

    def records(self) -> tuple[dict[str, Any], ...]:
        """For JSON: box, landmarks and tilt_degrees of each, in px of the picture."""
        if not self.faces:
            left, top, side = centre_box(*self.image.size)
            return ({"box": (left, top, left + side, top + side), "landmarks": None, "tilt_degrees": None},)
        records = (face.as_record() for face in self.faces)
        return tuple({key: record[key] for key in ("box", "landmarks", "tilt_degrees")} for record in records)


def who_for(bundle: Bundle, who: str | Who | None) -> Who:
    """Who is asked for of a bundle.

    Raises:
        WhoError: nobody that can be asked for, or somebody of a bundle that is not told who to show.
    """
    asked = who if isinstance(who, Who) else parse_who(who)
    if asked != AS_SEEN and not bundle.takes_who:
        raise WhoError(f"{bundle.name} cannot be told who to show: leave who out, or take another method")
    return asked


def faces_in(
    image: Image.Image, *, where: str = "the picture", instead: str = "give crop='none'", threads: int | None = None
) -> list[Face]:
    """The faces in an RGB picture, at least one, the largest first.

    Args:
        image: the picture.
        where, instead: for the error, as in `NoFaceError`.
        threads: CPU threads; the library's choice if not given.

    Raises:
        NoFaceError: there is none.
    """
    faces = default_finder(threads)(image)
    if not faces:
        raise NoFaceError(where, instead)
    return faces


def choose_faces(faces: Sequence[Face], choice: FaceChoice, *, where: str = "the picture") -> list[Face]:
    """Those of some faces, the largest first, that are asked for.

    Args:
        faces: of a picture, at least one.
        choice: which.
        where: for the error.

    Raises:
        TranslatorError: there are fewer faces than the number that is asked for.
    """
    match choice:
        case "all":
            return list(faces)
        case "largest":
            return list(faces[:1])
        case "left-to-right":
            return sorted(faces, key=lambda face: face.box[0] + face.box[2])
    if not 1 <= choice <= len(faces):
        raise TranslatorError(f"{where}: there is no face {choice}, the faces found are {len(faces)}")
    return [faces[choice - 1]]


def direction(faces: Sequence[Face]) -> Domain:
    """The domain that most of some faces, at least one, are not of; where they are as many, the largest decides."""
    largest = min(faces, key=lambda face: face.crop.scale).domain  # in whatever order they are asked for
    return other(largest) if 2 * sum(face.domain == largest for face in faces) >= len(faces) else largest


def crop_faces(
    image: Image.Image,
    faces: Sequence[Face],
    bundle: Bundle,
    *,
    who: Who | Sequence[Who] = AS_SEEN,
    keep_tilt: bool | None = None,
    lined_up: bool = False,
    linear: bool = False,
) -> Crops:
    """Cut the faces out of a picture, as squares that a bundle takes; if that has `classes`, the middle of a label map.

    Args:
        image: RGB.
        faces: to crop; none takes the centre square for one.
        bundle: to run.
        who: who the results should show, one for all or one for each face; ignored by bundles that do not take it.
        keep_tilt: whether crops keep the tilt of their faces, or turn them upright; if None, they keep it for bundles
            that take the tilt as an input, since such a network has learned from tilted faces.
        lined_up: the picture is a lined-up face, as a pack's are: without faces, the crop of it that the bundle takes.
        linear: as of `align`.

    Raises:
        PictureError: the bundle takes label maps, and the picture is none.
    """
    if bundle.classes:
        return _crop_label_map(image, bundle)
    keep_tilt = bundle.keeps_tilt if keep_tilt is None else keep_tilt
    if not faces:
        middle, frame = crop_lined_up(image, bundle.px, bundle.crop_share if lined_up else 1.0)
        whole = Face(_middle_frame(image).inverse(TEMPLATE), other(bundle.target), 0.0)
        # Bundles that take the tilt or the landmarks get those of the face in the square; without one, upright ones.
        inside = default_finder(1)(Image.fromarray(middle)) if bundle.keeps_tilt else []
        landmarks = inside[0].landmarks / bundle.px if inside else frame(whole.landmarks)
        return Crops(image, (), middle[None], (frame,), landmarks[None], _asked(image, [whole], bundle, who))
    frames = tuple(upright(face.crop) if keep_tilt else face.crop for face in faces)
    frames = tuple(closer(frame, bundle.crop_share) for frame in frames) if bundle.crop_share != 1 else frames
    landmarks = np.stack([frame(face.landmarks) for frame, face in zip(frames, faces, strict=True)])
    pixels = np.stack([np.asarray(align(image, frame, bundle.px, linear=linear)) for frame in frames])
    return Crops(image, tuple(faces), pixels, frames, landmarks, _asked(image, faces, bundle, who))


def crop_lined_up(image: Image.Image, px: int, crop_share: float) -> tuple[Pixels, Similarity]:
    """A lined-up face as `crop_faces` crops it for a bundle of that `crop_share`: (px, px, 3), and its frame."""
    frame = _middle_frame(image)
    if crop_share == 1:
        return np.asarray(square(image, px)), frame
    frame = closer(frame, crop_share)
    return np.asarray(align(image, frame, px)), frame


def _middle_frame(image: Image.Image) -> Similarity:
    left, top, side = centre_box(*image.size)
    return around((left + side / 2, top + side / 2), side)


def _crop_label_map(image: Image.Image, bundle: Bundle) -> Crops:
    middle = square(label_picture(image, bundle.classes), bundle.px, Image.Resampling.NEAREST)
    return Crops(image, (), np.asarray(middle)[None], (_middle_frame(image),), TEMPLATE[None])


def _asked(
    image: Image.Image, faces: Sequence[Face], bundle: Bundle, who: Who | Sequence[Who]
) -> NDArray[np.float64] | None:
    """What a bundle is told of whom to show, (K, 2), read off the faces where `who` is silent; None if it is not."""
    if not bundle.takes_who:
        return None
    each = [who] * len(faces) if isinstance(who, Who) else list(who)
    labels = default_labeller(1)(image, faces) if any(w.sex is None or w.age is None for w in each) else []
    seen = [(label.sex, label.age) for label in labels] or [(0.0, bundle.ages[0])] * len(faces)
    return who_input(each, seen, bundle.ages)


def translate_crops(network: Network, crops: Sequence[Crops], variant: int = 0) -> list[Pixels]:
    """Translate the crops of pictures together, in batches that may hold faces of several.

    Returns:
        (K, S, S, 3) of each picture.

    Raises:
        TranslatorError: as `Network.translate`.
    """
    if not crops:
        return []
    pixels, landmarks = (np.concatenate([getattr(part, name) for part in crops]) for name in ("pixels", "landmarks"))
    told = [part.who for part in crops if part.who is not None]
    results = network.translate(pixels, landmarks, variant, np.concatenate(told) if told else None)
    return np.split(results, np.cumsum([len(part.pixels) for part in crops])[:-1])


def compose(crops: Crops, results: Pixels, layout: Layout) -> list[Image.Image]:
    """The pictures that a layout asks for of results (K, S, S, 3): K of them, or one (`paste`), RGBA if transparent.

    Args:
        crops: as they were translated.
        results: of them.
        layout: what is asked for. Heads are pasted along their outline (`paste_head`); where no face was looked for, a
            square is, whose edges fade.
    """
    match layout:
        case "paste":
            if crops.faces:
                return [paste_heads(crops.image if crops.cutout is None else crops.cutout, crops, results)]
            image = crops.image if crops.cutout is None else crops.cutout.convert("RGB")  # its colours without alpha
            image = paste(image, Image.fromarray(results[0]), crops.frames[0])
            if crops.cutout is not None:
                image.putalpha(crops.cutout.getchannel("A"))
            return [image]
        case "pair":
            return [Image.fromarray(np.concatenate(two, axis=1)) for two in zip(crops.pixels, results, strict=True)]
    return [Image.fromarray(result) for result in results]


def paste_heads(picture: AnyPicture, crops: Crops, results: Pixels) -> AnyPicture:
    """A copy of the picture that crops are of, their heads replaced by results (K, S, S, 3), the first one on top."""
    from anime2real.face.paste_back import paste_head  # not above: it has a network of its own

    for at in reversed(range(len(results))):
        picture = paste_head(picture, crops.pixels[at], results[at], crops.frames[at])
    return picture


def paste_known_heads(picture: AnyPicture, crops: Crops, heads: Sequence["Head | None"]) -> AnyPicture:
    """As `paste_heads`, where K heads are known (`face.paste_back.head_of`)."""
    from anime2real.face.paste_back import with_head  # as above

    for frame, head in zip(reversed(crops.frames), reversed(heads), strict=True):
        picture = with_head(picture, head, frame)
    return picture


def already_note(domains: Sequence[Domain], to: Domain) -> tuple[str, ...]:
    """A note if some faces, by their domains, are in the domain to translate to already; else nothing."""
    count = domains.count(to)
    kind, wanted = ("photographed", "photographs") if to == "real" else ("drawn", "drawings")
    note = f"{count} of {len(domains)} faces look {kind} already: are {wanted} what they should become?"
    return (note,) if count else ()
