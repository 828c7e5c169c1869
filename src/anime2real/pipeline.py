"""A picture's way: decode → find faces → crop → translate → compose.

`translate_picture` and `Translator` take all steps for one picture. The command line, the server, video and the
measures take the same steps and queue pictures in their own ways; no other module crops faces, batches crops or pastes
results.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from anime2real.bundle.format import Bundle, BundleError
from anime2real.bundle.hub import is_hub_name
from anime2real.bundle.registry import find, open_bundle
from anime2real.domain import Domain, other
from anime2real.face.finder import default_finder
from anime2real.face.geometry import TEMPLATE, Face, Similarity, align, around, centre_box, paste, square, upright
from anime2real.face.labels import default_labeller
from anime2real.image.decode import Picture, to_image
from anime2real.network import Network, Pixels, TranslatorError, batches
from anime2real.who import AS_SEEN, YOUNGEST, Who, WhoError, parse_who

Layout = Literal["face", "pair", "paste"]
"""Each face alone; beside the crop that went in; or all pasted back into the picture."""

Crop = Literal["face", "none"]
"""Find the faces and line them up; or take the centre square for one."""

CACHED: Final = 8
"""Translators that `translate_picture` keeps loaded, the most recently used."""


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
    """

    image: Image.Image
    faces: tuple[Face, ...]
    pixels: Pixels
    frames: tuple[Similarity, ...]
    landmarks: NDArray[np.float64]
    who: NDArray[np.float64] | None = None

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


@dataclass(frozen=True)
class Translated:
    """A result.

    Attributes:
        image: RGB.
        method: the method that made it.
        to: the domain that it was translated to.
        faces: the translated faces, the largest first; empty if the centre square was taken for one.
    """

    image: Image.Image
    method: str
    to: Domain
    faces: tuple[Face, ...]


class Translator(Network):
    """A loaded bundle: pictures in, pictures out, as in `Translator.load("galatea", to="real")("drawing.png")`."""

    @classmethod
    def load(cls, method: str | None = None, to: Domain | None = None, *, threads: int | None = None) -> "Translator":
        """A translator that comes with the package, or from the Hub.

        Args:
            method: one that ships, the best one if None; or a bundle's name on the Hub, hf://OWNER/NAME.
            to: the domain to translate to: real, unless a bundle from the Hub says otherwise.
            threads: CPU threads for one call; those that this process may use, if not given.

        Raises:
            UnknownMethodError: no such method ships, or not in this direction.
            BundleError: the bundle is damaged, or cannot be had, or goes the other way.
        """
        if method is None or not is_hub_name(method):
            return cls(find(method, to or "real"), threads=threads)
        return cls(_checked(open_bundle(method), method, to), threads=threads)

    @classmethod
    def open(cls, folder: Path | str, *, threads: int | None = None) -> "Translator":
        """A translator from a bundle's folder, or from the Hub by its name there, hf://OWNER/NAME.

        Raises:
            BundleError: it is missing, damaged, foreign, or of a format that this version does not read.
        """
        return cls(open_bundle(folder), threads=threads)

    def __call__(
        self, picture: Picture, *, crop: Crop = "face", variant: int = 0, who: str | Who | None = None
    ) -> Image.Image:
        """Translate the largest face in a picture.

        Args:
            picture: a Pillow image, an (H, W, 3) uint8 array, or a file.
            crop: `face` finds it and lines it up; `none` takes the centre square for it.
            variant: 0 for the usual result; another number for another one, always the same for that number, of bundles
                with `variants`.
            who: who the result should show, as `man, 25`, of bundles that take it; as the picture has it if None.

        Returns:
            An RGB picture of S×S px.

        Raises:
            PictureError: the file cannot be read.
            NoFaceError: no face is found.
            WhoError: `who` names nobody that can be asked for, or the bundle takes nothing of the kind.
            TranslatorError: the array is none of a picture, or the network fails.
        """
        return self.batch([picture], crop=crop, variant=variant, who=who)[0]

    def batch(
        self,
        pictures: Sequence[Picture],
        *,
        crop: Crop = "face",
        variant: int = 0,
        who: str | Who | None = None,
    ) -> list[Image.Image]:
        """Translate pictures, a few at a time; arguments, results and errors as for one."""
        asked = who_for(self.bundle, who)
        results: list[Image.Image] = []
        for part in batches(len(pictures)):
            images = [to_image(picture) for picture in pictures[part]]
            faces = [faces_in(image)[:1] if crop == "face" else [] for image in images]
            pairs = zip(images, faces, strict=True)
            crops = [crop_faces(image, found, self.bundle, who=asked) for image, found in pairs]
            made = translate_crops(self, crops, variant)
            results += [compose(one, result, "face")[0] for one, result in zip(crops, made, strict=True)]
        return results


def translate_picture(
    picture: Picture,
    *,
    to: Domain | None = None,
    method: str | None = None,
    bundle: str | None = None,
    layout: Layout = "face",
    crop: Crop = "face",
    variant: int = 0,
    who: str | Who | None = None,
) -> Translated:
    """Translate a picture's largest face; with `paste`, all its faces.

    Args:
        picture: a Pillow image, an (H, W, 3) uint8 array, or a file.
        to: the domain to translate to; if None, a drawn face becomes a photograph and a photographed one a drawing.
        method: one that ships; the best one if None.
        bundle: a bundle's folder or its name on the Hub, in place of a method.
        layout: the face alone, beside the crop that went in, or pasted back into the picture.
        crop: find the faces; or none, to take the centre square for one.
        variant: 0 for the usual result, another number for another one, of bundles with `variants`; the best method
            is then the best that has such.
        who: who the result should show, as `man, 25`, by a method that takes it; as the picture has it if None.

    Returns:
        What was made, S×S px; S high and twice as wide (`pair`); or as large as what went in (`paste`).

    Raises:
        PictureError: the file cannot be read.
        NoFaceError: no face is found.
        WhoError: `who` names nobody that can be asked for, or the method takes nothing of the kind.
        TranslatorError: there is no telling what the face is, or the bundle has no variants.
        BundleError: the bundle or the method cannot be had, or does not go that way.
    """
    asked = parse_who(who)
    image = to_image(picture)
    faces = faces_in(image) if crop == "face" else []
    if bundle is None and to is None and not (faces := faces or default_finder()(image)):
        raise TranslatorError("there is no telling whether this is a drawing or a photograph: say what to translate to")
    if bundle is not None:
        translator = _opened(bundle)
        _checked(translator.bundle, bundle, to)
    else:
        translator = _shipped(method, to or other(faces[0].domain), method is None and variant > 0)
    chosen = [] if crop == "none" else faces if layout == "paste" else faces[:1]
    crops = crop_faces(image, chosen, translator.bundle, who=who_for(translator.bundle, asked))
    made = compose(crops, translate_crops(translator, [crops], variant)[0], layout)[0]
    return Translated(made, translator.bundle.method, translator.bundle.target, crops.faces)


def who_for(bundle: Bundle, who: str | Who | None) -> Who:
    """Who is asked for of a bundle.

    Raises:
        WhoError: nobody that can be asked for, or somebody of a bundle that is not told who to show.
    """
    asked = parse_who(who)
    if asked.said and not bundle.takes_who:
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


def crop_faces(
    image: Image.Image,
    faces: Sequence[Face],
    bundle: Bundle,
    *,
    who: Who | Sequence[Who] = AS_SEEN,
    keep_tilt: bool | None = None,
) -> Crops:
    """Cut the faces out of a picture, as squares that a bundle takes.

    Args:
        image: RGB.
        faces: to crop; none takes the centre square for one.
        bundle: to run.
        who: who the results should show: one for all faces, or one for each; ignored by bundles that do not take it.
        keep_tilt: whether crops keep the tilt of their faces, or turn them upright; if None, they keep it for bundles
            that take the tilt as an input, since such a network has learned from tilted faces.
    """
    keep_tilt = bundle.keeps_tilt if keep_tilt is None else keep_tilt
    if not faces:
        left, top, side = centre_box(*image.size)
        middle = square(image, bundle.px)
        # Bundles that take the tilt or the landmarks get those of the face in the square; without one, upright ones.
        inside = default_finder(1)(middle) if bundle.keeps_tilt else []
        landmarks = inside[0].landmarks / bundle.px if inside else TEMPLATE
        frame = around((left + side / 2, top + side / 2), side)
        whole = Face(frame.inverse(TEMPLATE), other(bundle.target), 0.0)
        told = _asked(image, [whole], bundle, who)
        return Crops(image, (), np.asarray(middle)[None], (frame,), landmarks[None], told)
    frames = tuple(upright(face.crop) if keep_tilt else face.crop for face in faces)
    landmarks = np.stack([frame(face.landmarks) for frame, face in zip(frames, faces, strict=True)])
    pixels = np.stack([np.asarray(align(image, frame, bundle.px)) for frame in frames])
    return Crops(image, tuple(faces), pixels, frames, landmarks, _asked(image, faces, bundle, who))


def _asked(
    image: Image.Image, faces: Sequence[Face], bundle: Bundle, who: Who | Sequence[Who]
) -> NDArray[np.float64] | None:
    """What a bundle is told of whom to show, (K, 2), read off the faces where `who` is silent; None if it is not."""
    if not bundle.takes_who:
        return None
    each = [who] * len(faces) if isinstance(who, Who) else list(who)
    labels = default_labeller(1)(image, faces) if any(w.sex is None or w.age is None for w in each) else []
    seen = [(label.sex, label.age) for label in labels] or [(0.0, float(YOUNGEST))] * len(faces)
    return np.concatenate([w.asked(np.array([s]), bundle.ages) for w, s in zip(each, seen, strict=True)])


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
    """The pictures that a layout asks for of results (K, S, S, 3): K of them, or one (`paste`)."""
    match layout:
        case "paste":
            image = crops.image
            for frame, result in reversed(list(zip(crops.frames, results, strict=True))):  # the first comes on top
                image = paste(image, Image.fromarray(result), frame)
            return [image]
        case "pair":
            return [Image.fromarray(np.concatenate(two, axis=1)) for two in zip(crops.pixels, results, strict=True)]
    return [Image.fromarray(result) for result in results]


def already_note(domains: Sequence[Domain], to: Domain) -> tuple[str, ...]:
    """A note if some faces, by their domains, are in the domain to translate to already; else nothing."""
    count = domains.count(to)
    kind, wanted = ("photographed", "photographs") if to == "real" else ("drawn", "drawings")
    note = f"{count} of {len(domains)} faces look {kind} already: are {wanted} what they should become?"
    return (note,) if count else ()


def _checked(bundle: Bundle, name: str, to: Domain | None) -> Bundle:
    """The bundle, which must translate to the domain `to`: else a BundleError."""
    if to not in (None, bundle.target):
        raise BundleError(f"{name} translates to {bundle.target}, not to {to}")
    return bundle


@lru_cache(maxsize=CACHED)
def _shipped(method: str | None, to: Domain, with_variants: bool) -> Translator:
    return Translator(find(method, to, with_variants=with_variants))


@lru_cache(maxsize=CACHED)
def _opened(bundle: str) -> Translator:
    return Translator.open(bundle)
