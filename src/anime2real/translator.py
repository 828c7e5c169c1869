"""One call for one picture: `Translator`, a loaded bundle; `translate_picture`, which chooses it; `find_faces`."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any, Final, Literal, get_args, overload

import numpy as np
from PIL import Image

from anime2real.bundle.format import Bundle, BundleError
from anime2real.bundle.hub import is_hub_name
from anime2real.bundle.redrawer import networks_sum
from anime2real.bundle.registry import find, open_bundle
from anime2real.domain import Domain, other
from anime2real.errors import UserError
from anime2real.face.finder import default_finder
from anime2real.face.geometry import Face
from anime2real.face.who import Who, parse_who
from anime2real.image.files import write
from anime2real.image.given import Picture, to_image
from anime2real.image.label_map import label_picture
from anime2real.image.marked import marked
from anime2real.network import Network, TranslatorError, batches
from anime2real.pipeline import Crop, Crops, Layout, compose, crop_faces, faces_in, translate_crops, who_for

CACHED: Final = 8
"""Translators that are kept loaded, those asked for last."""

_KEPT: Final[dict[tuple[Any, ...], "Translator"]] = {}
_LOADING: Final = Lock()

OnError = Literal["raise", "keep"]
"""What `Translator.batch` does about a picture that fails: raise the error, or give it in the result's place."""


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


class Translator(Network):
    """A loaded bundle: pictures in, pictures out, as in `Translator.load("galatea", to="real")("drawing.png")`."""

    @classmethod
    def load(cls, method: str | None = None, to: Domain | None = None, *, threads: int | None = None) -> "Translator":
        """A translator that comes with the package, or from the Hub. Asked for again, it is the same one.

        Args:
            method: one that ships, the best one if None; or a bundle's name on the Hub, hf://OWNER/NAME.
            to: the domain to translate to: real, unless a bundle from the Hub says otherwise.
            threads: CPU threads for one call; those that this process may use, if not given.

        Raises:
            UnknownMethodError: no such method ships, or not in this direction.
            BundleError: the bundle is damaged, or cannot be had, or goes the other way.
        """
        _check_word("to", to, (None, *get_args(Domain)))
        _check_name("method", method)
        if method is None or not is_hub_name(method):
            return cls._kept(find(method, to or "real"), threads)
        return cls._kept(_checked(open_bundle(method), method, to), threads)

    @classmethod
    def _kept(cls, bundle: Bundle, threads: int | None) -> "Translator":
        """The translator of a bundle, out of the `CACHED` that were asked for last."""
        key = (cls, bundle.folder, networks_sum(bundle), repr(threads))
        with _LOADING:
            translator = _KEPT.pop(key, None) or cls(bundle, threads=threads)
            _KEPT[key] = translator  # the last of them
            for oldest in list(_KEPT)[:-CACHED]:
                del _KEPT[oldest]
        return translator

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
            picture: a file, its bytes or an open one; a Pillow image, set upright by its EXIF; or an array, (H, W),
                (H, W, 3) or (H, W, 4), uint8 or uint16. Of a bundle with `classes`, a label map: a palette or grey
                PNG, an image of mode P or L, or an (H, W, 3) array whose channels are the class.
            crop: `face` finds it and lines it up; `none` takes the centre square for it, as of every label map.
            variant: 0 for the usual result; another number for another one, always the same for that number, of bundles
                with `variants`.
            who: who the result should show, as `man, 25`, of bundles that take it; as the picture has it if None.

        Returns:
            An RGB picture of S×S px.

        Raises:
            PictureError: the file cannot be read.
            NoFaceError: no face is found.
            WhoError: `who` names nobody that can be asked for, or the bundle takes nothing of the kind.
            TranslatorError: the array is none of a picture, `crop` is another word, or the network fails.
        """
        return self.batch([picture], crop=crop, variant=variant, who=who)[0]

    @overload
    def batch(
        self,
        pictures: Sequence[Picture],
        *,
        crop: Crop = "face",
        variant: int = 0,
        who: str | Who | None = None,
        on_error: Literal["raise"] = "raise",
    ) -> list[Image.Image]: ...

    @overload
    def batch(
        self,
        pictures: Sequence[Picture],
        *,
        crop: Crop = "face",
        variant: int = 0,
        who: str | Who | None = None,
        on_error: Literal["keep"],
    ) -> list[Image.Image | UserError]: ...

    def batch(
        self,
        pictures: Sequence[Picture],
        *,
        crop: Crop = "face",
        variant: int = 0,
        who: str | Who | None = None,
        on_error: OnError = "raise",
    ) -> list[Image.Image] | list[Image.Image | UserError]:
        """Translate pictures, a few at a time; other arguments, results and errors as for one.

        A result differs from that of the same picture alone by one of 255 levels at most.

        Args:
            pictures: each as for one.
            on_error: `raise` ends at the first picture that fails; `keep` gives its UserError in place of a result, and
                goes on.
        """
        _check_word("crop", crop, get_args(Crop))
        _check_word("on_error", on_error, get_args(OnError))
        if not isinstance(pictures, (Sequence, np.ndarray)) or isinstance(pictures, (str, bytes)):
            raise TranslatorError("batch takes a list of pictures: give [picture], or call the translator itself")
        asked = who_for(self.bundle, who)
        results: list[Image.Image | UserError] = []
        for part in batches(len(pictures)):
            ready = [self._cropped(picture, crop, asked, keep=on_error == "keep") for picture in pictures[part]]
            crops = [one for one in ready if isinstance(one, Crops)]
            made = zip(crops, translate_crops(self, crops, variant), strict=True)
            pictures_made = iter([marked(compose(one, result, "face")[0]) for one, result in made])
            results += [next(pictures_made) if isinstance(one, Crops) else one for one in ready]
        return results

    def _cropped(self, picture: Picture, crop: Crop, who: Who, *, keep: bool) -> Crops | UserError:
        """The crop of a picture's largest face, or why there is none, if that is to be kept."""
        try:
            image = self._read(picture)
            faces = faces_in(image)[:1] if crop == "face" and not self.bundle.classes else []
            return crop_faces(image, faces, self.bundle, who=who)
        except UserError as error:
            if keep:
                return error
            raise

    def _read(self, picture: Picture) -> Image.Image:
        classes = self.bundle.classes
        return label_picture(picture, classes) if classes else to_image(picture)


def find_faces(picture: Picture) -> list[Face]:
    """The faces in a picture, the largest first.

    Args:
        picture: as of a `Translator`.

    Raises:
        PictureError: the file cannot be read, or the array is none of a picture.
    """
    return default_finder()(to_image(picture))


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
        TranslatorError: there is no telling what the face is, the bundle has no variants, or arguments are not those
            above.
        BundleError: the bundle or the method cannot be had, or does not go that way.
    """
    _check_word("layout", layout, get_args(Layout))
    _check_word("crop", crop, get_args(Crop))
    _check_word("to", to, (None, *get_args(Domain)))
    _check_name("method", method)
    _check_name("bundle", bundle)
    if bundle is not None and method is not None:
        raise TranslatorError("give a method or a bundle, not both")
    asked = parse_who(who)
    if bundle is not None and _opened(bundle).bundle.classes:
        crop, image = "none", label_picture(picture, _opened(bundle).bundle.classes)
    else:
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
    return Translated(marked(made), translator.bundle.method, translator.bundle.target, crops.faces)


def _check_word(name: str, word: str | None, known: Sequence[str | None]) -> None:
    if word not in known:
        raise TranslatorError(f"{name} is {word!r}: give one of {', '.join(map(str, filter(None, known)))}")


def _check_name(name: str, value: object) -> None:
    if value is not None and (not isinstance(value, str) or not value):
        raise TranslatorError(f"{name} is a name, not {value!r}")


def _checked(bundle: Bundle, name: str, to: Domain | None) -> Bundle:
    """The bundle, which must translate to the domain `to`: else a BundleError."""
    if to not in (None, bundle.target):
        raise BundleError(f"{name} translates to {bundle.target}, not to {to}")
    return bundle


@lru_cache(maxsize=CACHED)
def _shipped(method: str | None, to: Domain, with_variants: bool) -> Translator:
    return Translator._kept(find(method, to, with_variants=with_variants), None)


@lru_cache(maxsize=CACHED)
def _opened(bundle: str) -> Translator:
    return Translator.open(bundle)
