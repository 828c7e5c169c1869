"""One call for one picture: `translate_picture`, which chooses the translator."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import get_args

from PIL import Image

from anime2real.bundle.registry import find, only_target
from anime2real.domain import Domain, other
from anime2real.face.finder import default_finder
from anime2real.face.geometry import Face
from anime2real.face.who import Who, parse_who
from anime2real.image.files import write
from anime2real.image.given import Picture, to_image
from anime2real.image.label_map import label_picture
from anime2real.image.marked import marked
from anime2real.image.provenance import Making
from anime2real.making import in_words
from anime2real.network import TranslatorError
from anime2real.pipeline import Crop, Layout, compose, crop_faces, faces_in, translate_crops, who_for
from anime2real.translator import CACHED, Translator, check_name, check_word, checked, kept


@dataclass(frozen=True)
class Translated:
    """A result.

    Attributes:
        image: RGB; RGBA if it was pasted into a transparent picture. Its `save` writes the marks of generated pictures.
        method: the method that made it.
        to: the domain that it was translated to.
        faces: the translated faces, the largest first; empty if the centre square was taken for one.
    """

    image: Image.Image
    method: str
    to: Domain
    faces: tuple[Face, ...]

    def save(self, path: Path | str, *, overwrite: bool = False) -> Path:
        """Write the picture with its marks, as `anime2real.write` does, which says what is raised."""
        return write(self.image, path, overwrite=overwrite)


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
        picture: as of a `Translator`.
        to: the domain to translate to; if None, the only one that a named method translates to; if that is both, a
            drawn face becomes a photograph and a photographed one a drawing.
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
        TranslatorError: there is no telling what the face is, the bundle has no variants, or arguments are not those
            above.
        BundleError: the bundle or the method cannot be had, or does not go that way.
    """
    check_word("layout", layout, get_args(Layout))
    check_word("crop", crop, get_args(Crop))
    check_word("to", to, (None, *get_args(Domain)))
    check_name("method", method)
    check_name("bundle", bundle)
    if bundle is not None and method is not None:
        raise TranslatorError("give a method or a bundle, not both")
    asked = parse_who(who)
    translator = _named(method, bundle, to, variant)
    if translator is not None and translator.bundle.classes:
        crop, image = "none", label_picture(picture, translator.bundle.classes)
    else:
        image = to_image(picture)
    faces = faces_in(image) if crop == "face" else []
    if translator is None:
        if not (looked_at := faces or default_finder()(image)):
            advice = "say what to translate to"
            raise TranslatorError(f"there is no telling whether this is a drawing or a photograph: {advice}")
        translator = _shipped(method, other(looked_at[0].domain), method is None and variant > 0)
    chosen = [] if crop == "none" else faces if layout == "paste" else faces[:1]
    whom = who_for(translator.bundle, asked)
    crops = crop_faces(image, chosen, translator.bundle, who=whom)
    made = compose(crops, translate_crops(translator, [crops], variant)[0], layout)[0]
    asked_for = in_words(layout=layout, crop=crop, variant=variant, who=whom)
    making = Making(translator.system, translator.version, asked_for)
    return Translated(marked(made, making), translator.bundle.method, translator.bundle.target, crops.faces)


def _named(method: str | None, bundle: str | None, to: Domain | None, variant: int) -> Translator | None:
    """The translator that is asked for; None if the picture has to say which way it goes."""
    if bundle is not None:
        translator = _opened(bundle)
        checked(translator.bundle, bundle, to)
        return translator
    to = to or (only_target(method) if method else None)
    return _shipped(method, to, method is None and variant > 0) if to else None


@lru_cache(maxsize=CACHED)
def _shipped(method: str | None, to: Domain, with_variants: bool) -> Translator:
    return kept(Translator, find(method, to, with_variants=with_variants))


@lru_cache(maxsize=CACHED)
def _opened(bundle: str) -> Translator:
    return Translator.open(bundle)
