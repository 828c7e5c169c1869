"""The application: its routes, and the way of a request through admission, service and batcher."""

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

from fastapi import Depends, FastAPI, Request, Response
from fastapi.security import HTTPBearer
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.staticfiles import StaticFiles

from anime2real import __version__
from anime2real.bundle.format import Bundle
from anime2real.errors import UserError
from anime2real.image.decode import PictureError
from anime2real.web import schemas
from anime2real.web.admission import AdmissionQueue, ByteBudget, WeightedSemaphore
from anime2real.web.batcher import Batcher
from anime2real.web.middleware import SecurityMiddleware
from anime2real.web.problem import HttpProblem
from anime2real.web.request import FIELDS, TranslateRequest, parse_request
from anime2real.web.service import MAX_TRANSLATIONS, PreparedPicture, Result, TranslationService, unmarked_png
from anime2real.web.settings import Settings
from anime2real.web.translators import release_freed_memory
from anime2real.web.upload import UploadForm, read_upload
from anime2real.web.worker import run_in_thread

PAGE: Final = Path(__file__).parent / "page"
MIN_PIXELS: Final = 1_000_000
"""A smaller picture in work counts as this many pixels."""

LARGE_PIXELS: Final = 4_000_000
"""From here on memory is returned to the system behind a picture."""

PIXELS_OF_A_TRANSLATION: Final = 2_000_000
"""Pixels that take about as long, decoded, searched for faces and encoded, as a crop in a network."""

CLIENT_CLOSED_REQUEST: Final = 499
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
                    self.batcher(
                        (bundle.method, bundle.target), crops.pixels, crops.landmarks, request.variant, crops.who
                    )
                    for bundle, crops in zip(prepared.bundles, prepared.crops, strict=True)
                )
            )
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


def work_of(pixels: int, methods: int = 1) -> float:
    """The work that a picture asks for, at least: 1 for a million pixels or fewer and one method."""
    return methods + (pixels - MIN_PIXELS) / PIXELS_OF_A_TRANSLATION


async def _wait_for_disconnect(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def create_app(bundles: Sequence[Bundle], settings: Settings = Settings()) -> FastAPI:  # noqa: B008 - frozen
    """The page and the API as an ASGI application; `app.state.server` holds its `Server`.

    Raises:
        BundleError: one of the bundles is damaged.
    """
    server = Server(bundles, settings)
    app = FastAPI(
        title="anime2real",
        version=__version__,
        summary="Drawn faces into photographs of people, and people into drawings",
        description=(
            "Every result is invented, is nobody's likeness, and is marked as generated. Failures are JSON, "
            '`{"error": "one line"}`. The server keeps and logs no picture.'
        ),
        docs_url=None,  # its page would load scripts from another server
        redoc_url=None,
        lifespan=server.lifespan,
    )
    app.state.server = server
    app.add_middleware(SecurityMiddleware, settings=settings)
    _add_error_handlers(app)
    _add_routes(app, server)
    app.mount("/page", StaticFiles(directory=PAGE), name="page")
    return app


def _add_error_handlers(app: FastAPI) -> None:
    @app.exception_handler(UserError)
    async def user_error(_: Request, error: Exception) -> Response:
        if isinstance(error, HttpProblem):
            return error.response()
        if isinstance(error, PictureError):
            return HttpProblem(422, str(error)).response()
        raise error  # a network that fails is not the client's fault: 500

    @app.exception_handler(HTTPException)
    async def http_exception(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        lines = {404: f"there is nothing at {request.url.path[:80]!r}", 405: f"{request.method} is not allowed here"}
        response = HttpProblem(error.status_code, lines.get(error.status_code, str(error.detail))).response()
        response.headers.update(error.headers or {})
        return response

    @app.exception_handler(ClientDisconnect)
    async def client_disconnected(_: Request, __: Exception) -> Response:
        return Response(status_code=CLIENT_CLOSED_REQUEST)  # nobody receives it


def _add_routes(app: FastAPI, server: Server) -> None:
    secured: list[Any] = [Depends(HTTPBearer(auto_error=False))] if server.settings.token is not None else []
    problems = {status: text for status, text in schemas.PROBLEMS.items() if status != 401 or secured}
    page = (PAGE / "index.html").read_bytes()

    @app.get("/", include_in_schema=False)
    async def index() -> Response:
        return Response(page, media_type="text/html")

    @app.get("/favicon.ico", include_in_schema=False)
    async def icon() -> Response:
        return Response((PAGE / "icon.svg").read_bytes(), media_type="image/svg+xml")

    @app.get("/healthz", tags=["server"], summary="Whether the server works")
    async def health() -> schemas.HealthOut:
        return schemas.HealthOut(status="ok", version=__version__, waiting=len(server.queue))

    @app.get("/v1/methods", tags=["pictures"], summary="The methods and the limits", dependencies=secured)
    async def methods() -> schemas.MethodsOut:
        defaults, settings = server.service.defaults(), server.settings
        rows = [
            schemas.MethodOut(
                method=b.method, source=b.source, to=b.target, px=b.px, megabytes=round(b.size_bytes / 1e6, 2),
                sha256=b.sha256, licence=b.licence, default=(b.method, b.target) in defaults,
                variants=b.variants, ages=b.ages if b.takes_who else None,
            )
            for b in server.service.bundles
        ]  # fmt: skip
        limits: dict[str, float] = {"max_bytes": settings.max_bytes, "max_pixels": settings.max_pixels}
        limits |= {"max_faces": MAX_TRANSLATIONS, "timeout_seconds": settings.timeout_seconds}
        return schemas.MethodsOut(methods=rows, limits=limits)

    @app.post(
        "/v1/faces", tags=["pictures"], summary="The faces in a picture", dependencies=secured,
        responses=problems, openapi_extra=schemas.FACES_FORM,
    )  # fmt: skip
    async def faces(request: Request) -> schemas.FacesOut:
        async with read_upload(request, server.settings, server.body_bytes, frozenset()) as form:
            pixels = await server.pixels(form)
            with server.queue.admit(work_of(pixels)):
                return await server.run_while_connected(request, server.faces(form, pixels))

    @app.post(
        "/v1/translate", tags=["pictures"], summary="Translate the faces in a picture", dependencies=secured,
        response_model=schemas.TranslateOut, openapi_extra=schemas.TRANSLATE_FORM,
        description=(
            "One result (one face or `layout=paste`, by one method) is a PNG; several are JSON. "
            "`Accept: application/json` makes it JSON in any case."
        ),
        responses=problems | {
            200: {"content": {"image/png": {"schema": {"type": "string", "format": "binary"}}}},
            406: {"model": schemas.ProblemOut, "description": "several results, and the client accepts only a PNG"},
        },
    )  # fmt: skip
    async def translate(request: Request, accept: Annotated[str, Depends(_accepted_type)]) -> Response:
        async with read_upload(request, server.settings, server.body_bytes, FIELDS) as form:
            names = sorted({bundle.method for bundle in server.service.bundles})
            asked = parse_request(form, names)
            as_json = asked.several or accept == "application/json"
            if asked.several and accept == "image/png":
                raise HttpProblem(406, "several pictures do not fit into one PNG: accept application/json")
            methods = len(names) if "all" in asked.methods else max(1, len(asked.methods))
            pixels = await server.pixels(form)
            with server.queue.admit(work_of(pixels, methods)):
                prepared, results = await server.run_while_connected(request, server.translate(form, asked, pixels))
        if not as_json:
            headers = {"Content-Disposition": f'inline; filename="{results[0].method}-{prepared.to}.png"'}
            return Response(results[0].png, media_type="image/png", headers=headers)
        return Response(await server.run_in_thread(_as_json, prepared, results), media_type="application/json")


def _accepted_type(request: Request) -> str:
    """`application/json` or `image/png` if the client accepts only one of them, else an empty string."""
    accepted = {part.partition(";")[0].strip().lower() for part in request.headers.get("accept", "*/*").split(",")}
    named = [kind for kind in ("application/json", "image/png") if kind in accepted]
    return named[0] if len(named) == 1 and not accepted & {"*/*", "image/*"} else ""


def _as_json(prepared: PreparedPicture, results: Sequence[Result]) -> str:
    answer = schemas.TranslateOut(
        to=prepared.to, layout=prepared.layout, notes=list(prepared.notes),
        results=[
            schemas.ResultOut(
                method=result.method, faces=list(result.faces), size=result.size, png=_base64(result.png),
                input_png=None if result.before is None else _base64(unmarked_png(result.before)),
            )
            for result in results
        ],
    )  # fmt: skip
    return answer.model_dump_json()


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
