"""The work on a picture, away from the event loop: decode, find faces, cut out, translate, put together, encode.

What is limited in memory is counted before it is made; whoever stops waiting frees what was not begun.
"""

import asyncio
import io
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image

from anime2real import picture as pictures
from anime2real.bundle import Bundle, default_method, shipped
from anime2real.crops import Crops, centre, line_up, put_back
from anime2real.domain import Domain, other
from anime2real.errors import UserError
from anime2real.face.face import Face
from anime2real.face.finder import default_finder
from anime2real.translate import Layout
from anime2real.translator import available_cores
from anime2real.untrusted import Limits, PictureError, opened
from anime2real.web.batcher import Batcher, Pixels
from anime2real.web.line import Line, Share
from anime2real.web.networks import SplitTranslator
from anime2real.web.refusal import Refusal
from anime2real.web.settings import Settings
from anime2real.web.wishes import ALL, Wishes

MEGAPIXEL: Final = 1_000_000
NAME: Final = "the picture"


@dataclass(frozen=True)
class Found:
    """A decoded picture and its faces, the largest first."""

    image: Image.Image
    faces: tuple[Face, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Result:
    """A finished picture.

    Attributes:
        method, to: what made it.
        faces: places, in the list of faces, of those that it shows translated; empty for a centre square.
        size: (width, height), px.
        png: marked as generated.
        before: what went in, where one square did; a PNG without the mark.
    """

    method: str
    to: Domain
    faces: tuple[int, ...]
    size: tuple[int, int]
    png: bytes
    before: bytes | None


class Studio:
    """Serves one event loop, between `start` and `stop`.

    Args:
        settings: limits and threads.

    Raises:
        BundleError: a shipped bundle is damaged.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.line = Line(settings.queue, settings.timeout_seconds / 2)
        threads = settings.threads or available_cores()
        self._parts = ThreadPoolExecutor(threads, thread_name_prefix="part")
        self._workers = ThreadPoolExecutor(max(2, threads), thread_name_prefix="picture")
        self._memory = Share(settings.held_pixels)
        self.networks = {
            (bundle.method, bundle.target): SplitTranslator(bundle, threads, self._parts) for bundle in shipped()
        }
        self.batcher = Batcher(dict(self.networks), settings.batch, settings.batch_wait_ms / 1000)

    async def start(self) -> None:
        """Load the finder and the best method of each direction, so that the first client need not wait.

        Raises:
            BundleError: one of them is damaged.
        """
        self.batcher.start()
        await self._work(lambda: default_finder(1))
        for to in sorted({to for _, to in self.networks}):
            await self._work(self.networks[default_method(to), to].load)

    async def stop(self) -> None:
        """End; whoever still waits is cancelled."""
        await self.batcher.stop()
        for pool in (self._workers, self._parts):
            pool.shutdown(cancel_futures=True)

    @asynccontextmanager
    async def found(self, content: bytes, *, faces: bool = True) -> AsyncIterator[Found]:
        """A picture decoded and searched, held within the share of memory until the block ends.

        Args:
            content: the file's bytes.
            faces: whether to look for faces.

        Raises:
            PictureError: it is broken or beyond the limits.
        """
        limits = Limits(self.settings.max_bytes, self.settings.max_pixels)
        pixels = await self._work(lambda: _count_pixels(content, limits))
        async with self._memory.part(max(MEGAPIXEL, pixels)):
            yield await self._work(lambda: _found(content, limits, faces))

    async def translate(self, found: Found, wishes: Wishes) -> list[Result]:
        """Do what is wished with a picture.

        Raises:
            Refusal: 422, there is no such face or method, or more is asked than allowed.
            UserError: a network fails.
        """
        chosen = _chosen(found, wishes)
        to = wishes.to or _direction(found, chosen)
        methods = wishes.methods(to)
        count = len(methods) * max(1, len(chosen))
        if count > self.settings.max_crops:
            raise Refusal(
                422, f"that would be {count} translations, more than the {self.settings.max_crops} allowed at once: "
                "choose one face or one method"
            )  # fmt: skip
        made = await _all([self._by(method, to, found, chosen, wishes) for method in methods])
        return [result for results in made for result in results]

    async def _by(
        self, method: str, to: Domain, found: Found, chosen: Sequence[int], wishes: Wishes
    ) -> list[Result]:  # fmt: skip
        bundle = self.networks[method, to].bundle
        faces = [found.faces[place] for place in chosen]
        crops = await self._work(lambda: _crops(found.image, faces, bundle))
        results = await self.batcher((method, to), crops.pixels, crops.landmarks)

        def finish() -> list[Result]:
            if wishes.layout == "paste":
                whole = put_back(found.image, crops.frames, results)
                return [_result(method, to, tuple(chosen), whole, None)]
            shows = [(place,) for place in chosen] or [()]
            return [
                _result(method, to, faces_, _laid_out(before, after, wishes.layout), before)
                for faces_, before, after in zip(shows, crops.pixels, results, strict=True)
            ]

        return await self._work(finish)

    async def _work[T](self, function: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._workers, function)


async def _all[T](jobs: "Sequence[asyncio._CoroutineLike[T]]") -> list[T]:
    """All at once; when one fails or the caller gives up, the others stop too."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(job) for job in jobs]
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from errors
    return [task.result() for task in tasks]


def _count_pixels(content: bytes, limits: Limits) -> int:
    with opened(content, NAME, limits) as picture:
        width, height = picture.size
        return width * height


def _found(content: bytes, limits: Limits, faces: bool) -> Found:
    decoded = pictures.decode(content, limits=limits, name=NAME)
    return Found(decoded.image, tuple(default_finder(1)(decoded.image)) if faces else (), decoded.notes)


def _chosen(found: Found, wishes: Wishes) -> tuple[int, ...]:
    if wishes.crop == "none":
        return ()
    if not found.faces:
        raise Refusal(422, "no face found in the picture; if it is one face and nothing else, send crop=none")
    if wishes.face == ALL:
        return tuple(range(len(found.faces)))
    if not isinstance(wishes.face, int) or wishes.face >= len(found.faces):
        last = len(found.faces) - 1
        raise Refusal(422, f"there is no face {wishes.face}: the picture has {f'faces 0 to {last}' if last else 'one, 0'}")
    return (wishes.face,)


def _direction(found: Found, chosen: Sequence[int]) -> Domain:
    """Away from what the largest of the chosen faces is."""
    return other(found.faces[chosen[0]].domain) if chosen else "real"


def _crops(image: Image.Image, faces: Sequence[Face], bundle: Bundle) -> Crops:
    return line_up(image, faces, bundle) if faces else centre(image, bundle.px)


def _laid_out(before: Pixels, after: Pixels, layout: Layout) -> Image.Image:
    return Image.fromarray(after if layout == "face" else np.concatenate([before, after], axis=1))


def _result(method: str, to: Domain, faces: tuple[int, ...], image: Image.Image, before: Pixels | None) -> Result:
    try:
        png = pictures.encode(image, "PNG")
    except (OSError, ValueError) as error:
        raise UserError(f"the result cannot be written as a PNG ({error}): scale the picture down") from error
    return Result(method, to, faces, image.size, png, None if before is None else _plain(before))


def _plain(pixels: Pixels) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


__all__ = ["Found", "PictureError", "Result", "Studio"]
