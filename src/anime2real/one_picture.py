"""One picture in, one picture out: what programs around this one call, such as nodes and pages.

The command line goes through `translate.py`, which batches and writes files; the server through its own queue.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from PIL import Image

from anime2real.bundle.registry import find
from anime2real.domain import Domain, other
from anime2real.face.finder import find_faces
from anime2real.pipeline import centre, line_up, put_back
from anime2real.translate_files import Layout
from anime2real.translator import Crop, Picture, Translator, TranslatorError, to_image

KEPT: Final = 8
"""Translators kept loaded, those used last."""


@dataclass(frozen=True)
class Translated:
    """A result.

    Attributes:
        image: RGB.
        method: that made it.
        to: the domain that it was translated to.
        faces: how many were; the centre square counts as one.
    """

    image: Image.Image
    method: str
    to: Domain
    faces: int


def translate_picture(
    picture: Picture,
    *,
    to: Domain | None = None,
    method: str | None = None,
    bundle: str | None = None,
    layout: Layout = "face",
    crop: Crop = "face",
    variant: int = 0,
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

    Returns:
        What was made, S×S px; S high and twice as wide (`pair`); or as large as what went in (`paste`).

    Raises:
        PictureError: the file cannot be read.
        TranslatorError: no face is found, there is no telling what it is, or the bundle has no variants.
        BundleError: the bundle or the method cannot be had, or does not go that way.
    """
    image = to_image(picture)
    translator = _opened(bundle) if bundle else None
    faces = find_faces(image) if crop == "face" or (to is None and translator is None) else []
    if crop == "face" and not faces:
        raise TranslatorError("no face found in the picture; if it is one face and nothing else, choose no crop")
    if translator is not None:
        if to not in (None, translator.bundle.target):
            raise TranslatorError(f"{bundle} translates to {translator.bundle.target}, not to {to}")
    elif to is None and not faces:
        raise TranslatorError("there is no telling whether this is a drawing or a photograph: say what to translate to")
    else:
        translator = _shipped(method, to or other(faces[0].domain), method is None and variant > 0)
    if crop == "none":
        crops = centre(image, translator.px)
        told = translator.seen(list(crops.pixels))
    else:
        crops = line_up(image, faces if layout == "paste" else faces[:1], translator.bundle)
        told = crops.landmarks
    results = translator.translate(crops.pixels, told, variant)
    match layout:
        case "paste":
            made = put_back(image, crops.frames, results)
        case "pair":
            made = Image.fromarray(np.concatenate([crops.pixels[0], results[0]], axis=1))
        case _:
            made = Image.fromarray(results[0])
    return Translated(made, translator.bundle.method, translator.bundle.target, len(results))


@lru_cache(maxsize=KEPT)
def _shipped(method: str | None, to: Domain, with_variants: bool) -> Translator:
    return Translator(find(method, to, with_variants=with_variants))


@lru_cache(maxsize=KEPT)
def _opened(bundle: str) -> Translator:
    return Translator.open(bundle)
