"""The state of one server, and the way of a request through admission, service and batcher."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

from fastapi import FastAPI, Request
from starlette.requests import ClientDisconnect

from anime2real.bundle.format import Bundle
from anime2real.web import schemas
from anime2real.web.admission import MIN_PIXELS, AdmissionQueue, ByteBudget, WeightedSemaphore
from anime2real.web.batcher import Batcher
from anime2real.web.problem import HttpProblem
from anime2real.web.request import TranslateRequest
from anime2real.web.service import PreparedPicture, Result, TranslationService
from anime2real.web.settings import Settings
from anime2real.web.translators import release_freed_memory
from anime2real.web.upload import UploadForm
from anime2real.web.worker import run_in_thread

LARGE_PIXELS: Final = 4_000_000
"""From here on memory is returned to the system behind a picture."""

T = TypeVar("T")


class Server:
    """The state of one server, and the steps of its two kinds of work.

    Args:
        bundles: to offer.
        settings: its limits.
    """

    def __init__(self, bundles: Sequence[Bundle], settings: Settings) -> None:
        self.settings = settings
        self.service = TranslationService(bundles, settings)
        self.queue = AdmissionQueue(settings.queue, settings.timeout_seconds / 2, self.service.seconds_each)
        self.body_bytes = ByteBudget(settings.held_bytes)
        self.decoded_pixels = WeightedSemaphore(settings.held_pixels)
        self.batcher = Batcher(dict(self.service.translators.items()), settings.batch, settings.batch_wait_ms / 1000)
        self._pool = ThreadPoolExecutor(self.service.workers, thread_name_prefix="picture")
        self._headers = ThreadPoolExecutor(1, thread_name_prefix="header")

    @asynccontextmanager
    async def lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        """Start the batcher with the application, and end all threads with it."""
        self.batcher.start()
        try:
            yield
        finally:
            await self.batcher.stop()
            self._pool.shutdown(cancel_futures=True)
            self._headers.shutdown(cancel_futures=True)
            self.service.close()

    async def pixels(self, form: UploadForm) -> int:
        """Pixels that a picture counts as, from its header: soon, whatever the other threads do.

        Raises:
            PictureError: it cannot be read, or is beyond the limits.
        """
        return max(MIN_PIXELS, await run_in_thread(self._headers, self.service.pixel_count, form.picture))

    async def faces(self, form: UploadForm, pixels: int) -> schemas.FacesOut:
        """The faces in a picture of so many pixels."""
        async with self.decoded_pixels.acquire(pixels), self._memory_released(pixels):
            decoded, faces = await self.run_in_thread(self.service.find_faces, form.picture)
        return schemas.FacesOut(
            size=decoded.image.size, format=decoded.format, notes=list(decoded.notes),
            faces=[schemas.FaceOut(**face.as_record()) for face in faces],
        )  # fmt: skip

    async def translate(
        self, form: UploadForm, request: TranslateRequest, pixels: int
    ) -> tuple[PreparedPicture, list[Result]]:
        """Translate the faces that the request asks for, by the methods that it asks for."""
        async with self.decoded_pixels.acquire(pixels), self._memory_released(pixels):
            prepared: PreparedPicture = await self.run_in_thread(self.service.prepare, form.picture, request)
            outputs = await asyncio.gather(
                *(
                    self.batcher(job.key, job.crops.pixels, job.crops.landmarks, job.variant, job.crops.who)
                    for job in prepared.jobs
                )
            )  # fmt: skip
            return prepared, await self.run_in_thread(self.service.finish, prepared, outputs)

    async def run_while_connected(self, request: Request, work: Awaitable[T]) -> T:
        """Await work; cancel it when the client disconnects or the timeout has passed.

        Raises:
            HttpProblem: 504, the timeout has passed.
            ClientDisconnect: the client has disconnected.
        """
        task, gone = asyncio.ensure_future(work), asyncio.ensure_future(_wait_for_disconnect(request))
        try:
            await asyncio.wait({task, gone}, timeout=self.settings.timeout_seconds, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            if gone.done():
                raise ClientDisconnect
            raise HttpProblem(
                504, f"not done within {self.settings.timeout_seconds:g} s: try again, or a smaller picture"
            )
        finally:
            task.cancel()
            gone.cancel()
            await asyncio.wait({task, gone})  # the work must hold nothing when its place in the queue becomes free

    @asynccontextmanager
    async def _memory_released(self, pixels: int) -> AsyncIterator[None]:
        """Return to the system what a large picture took, which the C library would keep, some of it a thread."""
        try:
            yield
        finally:
            if pixels >= LARGE_PIXELS:
                await asyncio.get_running_loop().run_in_executor(self._headers, release_freed_memory)

    async def run_in_thread(self, function: Callable[..., T], *arguments: Any) -> T:
        """Call a function in a worker thread and await what it returns; stop it if nobody waits any more."""
        return await run_in_thread(self._pool, function, *arguments)


async def _wait_for_disconnect(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
