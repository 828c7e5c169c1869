"""A loaded bundle: pictures in, pictures out, on the CPU.

translate = Translator.load("cyclegan", to="real")
person = translate("drawing.png")
"""

import operator
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from PIL import Image

from anime2real.bundle.format import CONDITIONS, STYLE, Bundle, BundleError
from anime2real.bundle.hub import is_hub_name
from anime2real.bundle.registry import find, open_bundle
from anime2real.domain import Domain
from anime2real.errors import UserError
from anime2real.face.finder import default_finder, find_faces
from anime2real.face.geometry import TEMPLATE, align, tilt_of, upright
from anime2real.image.picture import decode, square
from anime2real.image.pixels import to_float, to_uint8

BATCH: Final = 8
"""Pictures a call of the network: enough to keep every core busy, few enough to stay small in memory."""

Crop = Literal["face", "none"]
Picture = Image.Image | NDArray[np.uint8] | Path | str

_INPUT: Final = "image"


class TranslatorError(UserError):
    """A picture that a translator cannot take, or a network that gives none."""


class Translator:
    """Runs one bundle.

    Attributes:
        bundle: what it runs.

    Args:
        bundle: what to run.
        threads: CPU threads for one call; those that this process may use, if not given.

    Raises:
        BundleError: the model is damaged, or is not a translator of the bundle's size.
        ValueError: `threads` is below 1.
    """

    def __init__(self, bundle: Bundle, *, threads: int | None = None) -> None:
        if threads is not None and threads < 1:
            raise ValueError(f"threads must be at least 1, not {threads}")
        unknown = [name for name in bundle.conditions if name not in CONDITIONS]
        if unknown:
            raise BundleError(
                f"{bundle.folder} wants {', '.join(unknown)} beside the picture: this version knows "
                f"{', '.join(CONDITIONS)}"
            )
        self.bundle = bundle
        self._session = _open_session(bundle, threads or available_cores())
        _check_signature(self._session, bundle)
        self._output = self._session.get_outputs()[0].name

    @classmethod
    def load(cls, method: str | None = None, to: Domain | None = None, *, threads: int | None = None) -> "Translator":
        """A translator that comes with the package, or from the Hub.

        Args:
            method: one that ships, the best one if None; or a bundle's name on the Hub, hf://OWNER/NAME.
            to: the domain to translate to: real, unless a bundle from the Hub says otherwise.
            threads: as above.

        Raises:
            UnknownMethodError: no such method ships, or not in this direction.
            BundleError: the bundle is damaged, or cannot be had, or goes the other way.
        """
        if method is None or not is_hub_name(method):
            return cls(find(method, to or "real"), threads=threads)
        bundle = open_bundle(method)
        if to not in (None, bundle.target):
            raise BundleError(f"{method} translates to {bundle.target}, not to {to}")
        return cls(bundle, threads=threads)

    @classmethod
    def open(cls, folder: Path | str, *, threads: int | None = None) -> "Translator":
        """A translator from a bundle's folder, or from the Hub by its name there, hf://OWNER/NAME.

        Raises:
            BundleError: it is missing, damaged, foreign, or of a format that this version does not read.
        """
        return cls(open_bundle(folder), threads=threads)

    @property
    def px(self) -> int:
        """S, pixels a side of the network's pictures."""
        return self.bundle.px

    def __call__(self, picture: Picture, *, crop: Crop = "face", variant: int = 0) -> Image.Image:
        """Translate the largest face in a picture.

        Args:
            picture: a Pillow image, an (H, W, 3) uint8 array, or a file.
            crop: `face` finds it and lines it up; `none` takes the centre square for it.
            variant: 0 for the usual result; another number for another one, always the same for that number, of bundles
                with `variants`.

        Returns:
            An RGB picture of S×S px.

        Raises:
            PictureError: the file cannot be read.
            TranslatorError: no face is found, the array is none of a picture, or the network fails.
        """
        return self.batch([picture], crop=crop, variant=variant)[0]

    def batch(self, pictures: Sequence[Picture], *, crop: Crop = "face", variant: int = 0) -> list[Image.Image]:
        """Translate pictures, `BATCH` at a time; arguments, results and errors as for one."""
        results: list[Image.Image] = []
        for start in range(0, len(pictures), BATCH):
            images = [to_image(picture) for picture in pictures[start : start + BATCH]]
            if crop == "none":
                squares = [np.asarray(square(image, self.px)) for image in images]
                told = self.seen(squares)
            else:
                faces = [self._face(image) for image in images]
                squares, told = [pixels for pixels, _ in faces], np.stack([points for _, points in faces])
            translated = self.translate(np.stack(squares), told, variant)
            results += [Image.fromarray(result) for result in translated]
        return results

    def _face(self, image: Image.Image) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
        """The largest face, lined up, or leaning as it leans if the bundle wants to know how; and its landmarks."""
        faces = find_faces(image)
        if not faces:
            raise TranslatorError("no face found in the picture; if it is one face and nothing else, give crop='none'")
        frame = upright(faces[0].crop) if self.bundle.leaning else faces[0].crop
        return np.asarray(align(image, frame, self.px)), frame(faces[0].landmarks)

    def seen(self, squares: Sequence[NDArray[np.uint8]]) -> NDArray[np.float64] | None:
        """Landmarks (N, 5, 2) in shares of the side, for bundles that want them; upright where no face is seen."""
        if not self.bundle.leaning:
            return None
        seen = (default_finder()(Image.fromarray(pixels)) for pixels in squares)
        return np.stack([faces[0].landmarks / self.px if faces else TEMPLATE for faces in seen])

    def _inputs(
        self, pixels: NDArray[np.uint8], landmarks: NDArray[np.float64] | None, variants: Sequence[int]
    ) -> dict[str, NDArray[np.float32]]:
        if landmarks is None:
            landmarks = np.broadcast_to(TEMPLATE, (len(pixels), 5, 2))
        return {_INPUT: to_float(pixels)} | _conditions(self.bundle.conditions, landmarks, variants)

    def translate(
        self,
        pixels: NDArray[np.uint8],
        landmarks: NDArray[np.float64] | None = None,
        variant: int | Sequence[int] = 0,
    ) -> NDArray[np.uint8]:
        """Translate squares of the network's own size, all in one call.

        Args:
            pixels: (N, S, S, 3), sRGB.
            landmarks: (N, 5, 2), shares of the side, of the faces in them; bundles without conditions need none, for
                the others upright faces are assumed if they are missing.
            variant: as above; one for all, or one for each.

        Returns:
            (N, S, S, 3), sRGB.

        Raises:
            TranslatorError: another shape or type, a variant of a bundle that has none, variants that are no numbers
                from 0 or not as many as pictures, or the network fails.
        """
        variants = _numbered(variant, len(pixels))
        if any(variants) and self.bundle.variants == 1:
            raise TranslatorError(f"{self.bundle.name} makes one result of a picture, no variants: give variant 0")
        wanted = (self.px, self.px, 3)
        if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[1:] != wanted:
            raise TranslatorError(f"{self.bundle.name} takes (N, {self.px}, {self.px}, 3) uint8, not {_kind(pixels)}")
        if not len(pixels):
            return pixels.copy()
        try:
            result: Any = self._session.run([self._output], self._inputs(pixels, landmarks, variants))[0]
        except Exception as error:  # ONNX Runtime raises kinds of its own without a public base
            raise TranslatorError(f"{self.bundle.folder}: the network fails: {_first_line(error)}") from error
        if result.shape != (len(pixels), 3, self.px, self.px):
            raise TranslatorError(f"{self.bundle.folder}: the network gives {_kind(result)}, no pictures of its size")
        if not np.isfinite(result).all():
            raise TranslatorError(f"{self.bundle.folder}: the network gives numbers that are none (NaN or infinite)")
        return to_uint8(result)


def _numbered(variant: int | Sequence[int], count: int) -> list[int]:
    """The variant of each of `count` pictures."""
    try:
        try:
            variants = [operator.index(variant)] * count  # type: ignore[arg-type]
        except TypeError:
            variants = [operator.index(number) for number in variant]  # type: ignore[union-attr]
    except TypeError as error:
        raise TranslatorError(f"a variant is a whole number from 0, not {variant!r}") from error
    if any(number < 0 for number in variants):
        raise TranslatorError(f"a variant is a whole number from 0, not {variant!r}")
    if len(variants) != count:
        raise TranslatorError(f"{len(variants)} variants are given for {count} pictures: one for all, or one for each")
    return variants


def style_of(variant: int) -> NDArray[np.float64]:
    """(`STYLE`,), the style of a variant's number: all 0 for variant 0, else drawn from N(0, 1) with that seed."""
    return np.random.default_rng(variant).standard_normal(STYLE) if variant else np.zeros(STYLE)


def _conditions(
    names: Sequence[str], landmarks: NDArray[np.float64], variants: Sequence[int]
) -> dict[str, NDArray[np.float32]]:
    told = {
        "landmarks": landmarks,
        "tilt": np.array([tilt_of(points) for points in landmarks]),
        "style": np.stack([style_of(variant) for variant in variants]),
    }
    return {name: told[name].astype(np.float32) for name in names}


def to_image(picture: Picture) -> Image.Image:
    """Any picture that `Translator` takes, as an RGB image; transparency is laid on white.

    Raises:
        PictureError: a file cannot be read.
        TranslatorError: an array is none of a picture.
    """
    if isinstance(picture, (str, Path)):
        return decode(picture).image
    if isinstance(picture, Image.Image):
        if picture.has_transparency_data:
            layered = picture.convert("RGBA")
            base = Image.new("RGBA", layered.size, "white")
            return Image.alpha_composite(base, layered).convert("RGB")
        return picture.convert("RGB")
    if not isinstance(picture, np.ndarray):
        raise TranslatorError(f"a picture is a Pillow image, an array or a file, not {type(picture).__name__}")
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or 0 in picture.shape:
        raise TranslatorError(f"an array must be (H, W, 3) uint8, not {_kind(picture)}")
    return Image.fromarray(picture)


def available_cores() -> int:
    """CPU cores that this process may use, which in a container are often fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


def _open_session(bundle: Bundle, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # its warnings are about folding constants, nothing that a user can act on
    content = bundle.model()
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # as above
        raise BundleError(f"{bundle.folder} cannot be loaded by ONNX Runtime: {_first_line(error)}") from error


def _check_signature(session: onnxruntime.InferenceSession, bundle: Bundle) -> None:
    """One input `image` and one output, float (N, 3, S, S) with any N."""
    inputs, outputs = session.get_inputs(), session.get_outputs()
    wanted = [_INPUT, *bundle.conditions]
    if sorted(i.name for i in inputs) != sorted(wanted) or len(outputs) != 1:
        found = f"{', '.join(i.name for i in inputs)} to {', '.join(o.name for o in outputs)}"
        raise BundleError(
            f"{bundle.folder} holds no translator: its model goes from {found}, not from {', '.join(wanted)} to one"
        )
    for value in (next(i for i in inputs if i.name == _INPUT), outputs[0]):
        batch, *rest = value.shape or [1]
        # Sides may be left open, exporters do that; what comes out is checked when it comes.
        fits = len(rest) == 3 and all(
            found == wanted or not isinstance(found, int)
            for found, wanted in zip(rest, (3, bundle.px, bundle.px), strict=True)
        )
        if value.type != "tensor(float)" or isinstance(batch, int) or not fits:
            raise BundleError(
                f"{bundle.folder} holds no translator of {bundle.px} px: its {value.name} is {value.type} "
                f"{value.shape}, not float [N, 3, {bundle.px}, {bundle.px}]"
            )


def _kind(array: NDArray[Any]) -> str:
    return f"{array.shape} {array.dtype}"


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
