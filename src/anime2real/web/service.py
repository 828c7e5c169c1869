"""The work on a picture, in plain functions of its bytes: decode, find faces, cut out; put together, encode.

What stands between, the networks, is the batcher's. Everything here runs in threads, away from the event loop.
"""

import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image

from anime2real.bundle.format import Bundle
from anime2real.bundle.registry import best_method
from anime2real.domain import DOMAINS, Domain
from anime2real.face.face import Face
from anime2real.face.finder import default_finder
from anime2real.image.open import Limits, opened
from anime2real.image.picture import Decoded, decode, encode
from anime2real.pipeline import Crops, centre, line_up, put_back
from anime2real.translate_files import Layout
from anime2real.translator import available_cores
from anime2real.web.batcher import Pixels
from anime2real.web.errors import Refusal
from anime2real.web.request import Order
from anime2real.web.settings import Settings
from anime2real.web.translators import SplitTranslator

MAX_FACES: Final = 32
"""Translations that one request may ask for: faces times methods."""

NAME: Final = "the picture"


@dataclass(frozen=True)
class Prepared:
    """A picture ready for the networks.

    Attributes:
        image: RGB.
        to, layout: of the results.
        faces: the places of the chosen ones in the list of faces; None is the centre square.
        bundles: to run.
        crops: what each of them takes.
        notes: what the user should know.
    """

    image: Image.Image
    to: Domain
    layout: Layout
    faces: tuple[int | None, ...]
    bundles: tuple[Bundle, ...]
    crops: tuple[Crops, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Made:
    """A finished picture.

    Attributes:
        method: that made it.
        faces: as `Prepared.faces`, those in it.
        size: (width, height), px.
        png: the file, marked as generated.
        before: the crop that went in, (S, S, 3); None where the whole picture is shown.
    """

    method: str
    faces: tuple[int | None, ...]
    size: tuple[int, int]
    png: bytes
    before: Pixels | None


class Studio:
    """Holds the networks, and works within the limits.

    Args:
        bundles: to offer, in the order in which they are listed.
        settings: limits and threads.

    Raises:
        BundleError: the best one to a domain is damaged; the others are loaded when they are first needed.
    """

    def __init__(self, bundles: Sequence[Bundle], settings: Settings) -> None:
        self.bundles = tuple(bundles)
        self.workers = max(2, threads := settings.threads or available_cores())
        self._limits = Limits(settings.max_bytes, settings.max_pixels)
        self._parts = ThreadPoolExecutor(threads, thread_name_prefix="part")
        self.translators = {(b.method, b.target): SplitTranslator(b, threads, self._parts) for b in bundles}
        for key in sorted(self.defaults()):
            self.translators[key].load()
        default_finder(1)  # the first client need not wait for it

    def close(self) -> None:
        """Let the threads end."""
        self._parts.shutdown(cancel_futures=True)

    def defaults(self) -> set[tuple[str, Domain]]:
        """Method and domain of the best bundle to each domain."""
        return {(method, to) for to in DOMAINS if (method := self._default(to)) is not None}

    def _default(self, to: Domain, *, with_variants: bool = False) -> str | None:
        there = [b.method for b in self.bundles if b.target == to and (b.variants > 1 or not with_variants)]
        return best_method(there)

    def measure(self, content: bytes) -> int:
        """Pixels of a picture, from its header.

        Raises:
            PictureError: it cannot be read, or is beyond the limits.
        """
        with opened(content, NAME, self._limits) as picture:
            width, height = picture.size
            return width * height

    def find(self, content: bytes) -> tuple[Decoded, list[Face]]:
        """A picture and the faces in it, the largest first.

        Raises:
            PictureError: it cannot be read, or is beyond the limits.
        """
        decoded = decode(content, limits=self._limits, name=NAME)
        return decoded, default_finder(1)(decoded.image)  # the pictures' threads are the parallelism

    def prepare(self, content: bytes, order: Order) -> Prepared:
        """A picture cut up for the networks that the order names.

        Raises:
            PictureError: it cannot be read, or is beyond the limits.
            Refusal: there is no such face or method, or more is asked for than allowed.
        """
        if order.face == "centre":
            decoded, chosen = decode(content, limits=self._limits, name=NAME), {}
        else:
            decoded, faces = self.find(content)
            chosen = _chosen(faces, order.face)
        largest = min(chosen) if chosen else None
        to = order.direction(None if largest is None else chosen[largest].domain)
        bundles = order.bundles(
            self.bundles, self._default(to, with_variants=order.variant > 0) or self._default(to), to
        )
        if (count := len(bundles) * max(1, len(chosen))) > MAX_FACES:
            raise Refusal(
                422, f"that is {count} translations, more than the {MAX_FACES} allowed: choose one face or one method"
            )  # fmt: skip
        image = decoded.image
        crops = [line_up(image, list(chosen.values()), b) if chosen else centre(image, b.px) for b in bundles]
        notes = decoded.notes
        if ready := sum(face.domain == to for face in chosen.values()):
            kind = "photographed" if to == "real" else "drawn"
            notes = (*notes, f"{ready} of {len(chosen)} faces look {kind} already: is to={to} meant?")
        return Prepared(image, to, order.layout, tuple(chosen) or (None,), tuple(bundles), tuple(crops), notes)

    def finish(self, prepared: Prepared, results: Sequence[Pixels]) -> list[Made]:
        """The pictures that were asked for, a method at a time, in it a face at a time.

        Args:
            prepared: what went in.
            results: (K, S, S, 3) of each bundle.
        """
        made = []
        for bundle, crops, translated in zip(prepared.bundles, prepared.crops, results, strict=True):
            if prepared.layout == "paste":
                whole = put_back(prepared.image, crops.frames, translated)
                made.append(Made(bundle.method, prepared.faces, whole.size, encode(whole, "PNG"), None))
                continue
            for face, before, after in zip(prepared.faces, crops.pixels, translated, strict=True):
                shown = Image.fromarray(
                    after if prepared.layout == "face" else np.concatenate([before, after], axis=1)
                )  # fmt: skip
                made.append(Made(bundle.method, (face,), shown.size, encode(shown, "PNG"), before))
        return made


def _chosen(faces: Sequence[Face], face: int | str) -> dict[int, Face]:
    if not faces:
        raise Refusal(422, f"{NAME} shows no face that can be found; if it is one and nothing else, send face=centre")
    if face == "all":
        return dict(enumerate(faces))
    if not isinstance(face, int) or face >= len(faces):
        there = "is one, number 0" if len(faces) == 1 else f"are {len(faces)}, from 0"
        raise Refusal(422, f"{NAME} has no face {face}: there {there}")
    return {face: faces[face]}


def plain(pixels: Pixels) -> bytes:
    """The PNG of a crop that went in, which nothing marks as generated."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()
