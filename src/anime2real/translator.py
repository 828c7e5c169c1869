"""A loaded bundle, `Translator`; and `find_faces`."""

from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any, Final, Literal, get_args, overload

import numpy as np
from PIL import Image

from anime2real.bundle.format import Bundle, BundleError
from anime2real.bundle.hub import is_hub_name
from anime2real.bundle.redrawer import networks_sum
from anime2real.bundle.registry import find, open_bundle
from anime2real.domain import Domain
from anime2real.errors import UserError
from anime2real.face.finder import default_finder
from anime2real.face.geometry import Face
from anime2real.face.who import Who
from anime2real.image.given import Picture, to_image
from anime2real.image.label_map import label_picture
from anime2real.image.marked import marked
from anime2real.image.provenance import Making
from anime2real.making import in_words
from anime2real.network import Network, TranslatorError, batches
from anime2real.pipeline import Crop, Crops, compose, crop_faces, faces_in, translate_crops, who_for

CACHED: Final = 8
"""Translators that are kept loaded, those asked for last."""

_KEPT: Final[dict[tuple[Any, ...], "Translator"]] = {}
_LOADING: Final = Lock()

OnError = Literal["raise", "keep"]
"""What `Translator.batch` does about a picture that fails: raise the error, or give it in the result's place."""


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
        check_word("to", to, (None, *get_args(Domain)))
        check_name("method", method)
        if method is None or not is_hub_name(method):
            return kept(cls, find(method, to or "real"), threads)
        return kept(cls, checked(open_bundle(method), method, to), threads)

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

        Networks round otherwise in a batch: a result differs from that of the same picture alone by one of 255
        levels, by two or three in a few places where results are drawn again.

        Args:
            pictures: each as for one.
            on_error: `raise` ends at the first picture that fails; `keep` gives its UserError in place of a result, and
                goes on.
        """
        check_word("crop", crop, get_args(Crop))
        check_word("on_error", on_error, get_args(OnError))
        one = isinstance(pictures, (str, bytes)) or (isinstance(pictures, np.ndarray) and pictures.ndim < 3)
        if one or not isinstance(pictures, (Sequence, np.ndarray)):
            raise TranslatorError("batch takes a list of pictures: give [picture], or call the translator itself")
        asked = who_for(self.bundle, who)
        making = Making(self.system, self.version, in_words(crop=crop, variant=variant, who=asked))
        results: list[Image.Image | UserError] = []
        for part in batches(len(pictures)):
            ready = [self._cropped(picture, crop, asked, keep=on_error == "keep") for picture in pictures[part]]
            crops = [one for one in ready if isinstance(one, Crops)]
            made = zip(crops, translate_crops(self, crops, variant), strict=True)
            pictures_made = iter([marked(compose(one, result, "face")[0], making) for one, result in made])
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


def kept(kind: type[Translator], bundle: Bundle, threads: int | None = None) -> Translator:
    """The translator of a bundle, out of the `CACHED` that were asked for last."""
    key = (kind, bundle.folder, networks_sum(bundle), repr(threads))
    with _LOADING:
        translator = _KEPT.pop(key, None) or kind(bundle, threads=threads)
        _KEPT[key] = translator  # the last of them
        for oldest in list(_KEPT)[:-CACHED]:
            del _KEPT[oldest]
    return translator


def find_faces(picture: Picture) -> list[Face]:
    """The faces in a picture, the largest first.

    Args:
        picture: as of a `Translator`.

    Raises:
        PictureError: the file cannot be read, or the array is none of a picture.
    """
    return default_finder()(to_image(picture))


def check_word(name: str, word: str | None, known: Sequence[str | None]) -> None:
    """Refuse a word that an argument does not know, with a TranslatorError."""
    if word not in known:
        raise TranslatorError(f"{name} is {word!r}: give one of {', '.join(map(str, filter(None, known)))}")


def check_name(name: str, value: object) -> None:
    """Refuse what is no name, and not None, with a TranslatorError."""
    if value is not None and (not isinstance(value, str) or not value):
        raise TranslatorError(f"{name} is a name, not {value!r}")


def checked(bundle: Bundle, name: str, to: Domain | None) -> Bundle:
    """The bundle, which must translate to the domain `to`: else a BundleError."""
    if to not in (None, bundle.target):
        raise BundleError(f"{name} translates to {bundle.target}, not to {to}")
    return bundle
