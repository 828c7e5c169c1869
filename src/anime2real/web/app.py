"""The application: routes, and what stands between a request and its work."""

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Sequence
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
from anime2real.image.picture import PictureError
from anime2real.web import schemas
from anime2real.web.admission import Line, Share, Store
from anime2real.web.batcher import Batcher
from anime2real.web.errors import Refusal
from anime2real.web.middleware import Guard, answer
from anime2real.web.request import FIELDS, Order, read_order
from anime2real.web.service import MAX_FACES, Made, Prepared, Studio, plain
from anime2real.web.settings import Settings
from anime2real.web.upload import Form, received

PAGE: Final = Path(__file__).parent / "page"
LEAST_PIXELS: Final = 1_000_000
"""What a picture in work counts as at least."""

CLIENT_GONE: Final = 499
T = TypeVar("T")


class Server:
    """One server's state, and the way that a picture takes through it.

    Args:
        bundles: to offer.
        settings: its limits.
    """

    def __init__(self, bundles: Sequence[Bundle], settings: Settings) -> None:
        self.settings = settings
        self.studio = Studio(bundles, settings)
        self.line = Line(settings.queue, settings.timeout_seconds / 2)
        self.store = Store(settings.held_bytes)
        self.pixels = Share(settings.held_pixels)
        self.batcher = Batcher(dict(self.studio.translators.items()), settings.batch, settings.batch_wait_ms / 1000)
        self._pool = ThreadPoolExecutor(self.studio.workers, thread_name_prefix="picture")

    @asynccontextmanager
    async def lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        """What runs as long as the server does."""
        self.batcher.start()
        try:
            yield
        finally:
            await self.batcher.stop()
            self._pool.shutdown(cancel_futures=True)
            self.studio.close()

    async def faces(self, form: Form) -> schemas.FacesOut:
        """The faces in a picture."""
        async with self.pixels.part(await self._weight(form)):
            decoded, faces = await self.thread(self.studio.find, form.picture)
        return schemas.FacesOut(
            size=decoded.image.size, format=decoded.format, notes=list(decoded.notes),
            faces=[schemas.FaceOut(**face.as_record()) for face in faces],
        )  # fmt: skip

    async def translate(self, form: Form, order: Order) -> tuple[Prepared, list[Made]]:
        """What is asked for of a picture."""
        async with self.pixels.part(await self._weight(form)):
            prepared: Prepared = await self.thread(self.studio.prepare, form.picture, order)
            results = await asyncio.gather(
                *(
                    self.batcher((bundle.method, bundle.target), crops.pixels, crops.landmarks, order.variant)
                    for bundle, crops in zip(prepared.bundles, prepared.crops, strict=True)
                )
            )
            return prepared, await self.thread(self.studio.finish, prepared, results)

    async def attend(self, request: Request, work: Awaitable[T]) -> T:
        """Await work as long as the client is there and the time lasts.

        Raises:
            Refusal: 504, the time is up.
            ClientDisconnect: the client has gone; the work is dropped.
        """
        task, gone = asyncio.ensure_future(work), asyncio.ensure_future(_gone(request))
        try:
            await asyncio.wait({task, gone}, timeout=self.settings.timeout_seconds, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            if gone.done():
                raise ClientDisconnect
            raise Refusal(504, f"not done within {self.settings.timeout_seconds:g} s: try again, or a smaller picture")
        finally:
            task.cancel()
            gone.cancel()
            await asyncio.wait({task, gone})  # so that nothing of it is held when its place in the line is free

    async def _weight(self, form: Form) -> int:
        return max(LEAST_PIXELS, int(await self.thread(self.studio.measure, form.picture)))

    async def thread(self, function: Any, *arguments: Any) -> Any:
        """What a function gives, away from the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, function, *arguments)


async def _gone(request: Request) -> None:
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
            "Every result is invented: no likeness of anybody, and marked as generated. Failures are JSON, "
            '`{"error": "one line"}`. No picture is kept or logged.'
        ),
        docs_url=None,  # its page would load scripts from elsewhere
        redoc_url=None,
        lifespan=server.lifespan,
    )
    app.state.server = server
    app.add_middleware(Guard, settings=settings)
    _add_failures(app)
    _add_routes(app, server)
    app.mount("/page", StaticFiles(directory=PAGE), name="page")
    return app


def _add_failures(app: FastAPI) -> None:
    @app.exception_handler(UserError)
    async def told(_: Request, error: Exception) -> Response:
        if isinstance(error, Refusal):
            return answer(error)
        if isinstance(error, PictureError):
            return answer(Refusal(422, str(error)))
        raise error  # a network that fails is no fault of the client's

    @app.exception_handler(HTTPException)
    async def unknown(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        line = {404: f"there is nothing at {request.url.path[:80]!r}", 405: f"{request.method} is not allowed here"}
        response = answer(Refusal(error.status_code, line.get(error.status_code, str(error.detail))))
        response.headers.update(error.headers or {})
        return response

    @app.exception_handler(ClientDisconnect)
    async def left(_: Request, __: Exception) -> Response:
        return Response(status_code=CLIENT_GONE)  # to nobody


def _add_routes(app: FastAPI, server: Server) -> None:
    secured: list[Any] = [Depends(HTTPBearer(auto_error=False))] if server.settings.token is not None else []
    problems = {s: p for s, p in schemas.PROBLEMS.items() if s != 401 or secured}
    page = (PAGE / "index.html").read_bytes()

    @app.get("/", include_in_schema=False)
    async def index() -> Response:
        return Response(page, media_type="text/html")

    @app.get("/favicon.ico", include_in_schema=False)
    async def icon() -> Response:
        return Response((PAGE / "icon.svg").read_bytes(), media_type="image/svg+xml")

    @app.get("/healthz", tags=["server"], summary="Whether it works")
    async def health() -> schemas.HealthOut:
        return schemas.HealthOut(status="ok", version=__version__, waiting=len(server.line))

    @app.get("/v1/methods", tags=["pictures"], summary="What is offered and allowed", dependencies=secured)
    async def methods() -> schemas.MethodsOut:
        defaults, settings = server.studio.defaults(), server.settings
        rows = [
            schemas.MethodOut(
                method=b.method, source=b.source, to=b.target, px=b.px, megabytes=round(b.size_bytes / 1e6, 2),
                sha256=b.sha256, licence=b.licence, default=(b.method, b.target) in defaults,
                variants=b.variants,
            )
            for b in server.studio.bundles
        ]  # fmt: skip
        limits: dict[str, float] = {"max_bytes": settings.max_bytes, "max_pixels": settings.max_pixels}
        limits |= {"max_faces": MAX_FACES, "timeout_seconds": settings.timeout_seconds}
        return schemas.MethodsOut(methods=rows, limits=limits)

    @app.post(
        "/v1/faces", tags=["pictures"], summary="The faces in a picture", dependencies=secured,
        responses=problems, openapi_extra=schemas.FACES_FORM,
    )  # fmt: skip
    async def faces(request: Request) -> schemas.FacesOut:
        async with received(request, server.settings, server.store, frozenset()) as form:
            with server.line.place():
                return await server.attend(request, server.faces(form))

    @app.post(
        "/v1/translate", tags=["pictures"], summary="Translate the faces in a picture", dependencies=secured,
        response_model=schemas.TranslateOut, openapi_extra=schemas.TRANSLATE_FORM,
        description=(
            "One result (one face or `layout=paste`, by one method) is a PNG; several are JSON. "
            "`Accept: application/json` makes it JSON in any case."
        ),
        responses=problems | {
            200: {"content": {"image/png": {"schema": {"type": "string", "format": "binary"}}}},
            406: {"model": schemas.Problem, "description": "several results, and only a PNG is accepted"},
        },
    )  # fmt: skip
    async def translate(request: Request, accept: Annotated[str, Depends(_accept)]) -> Response:
        async with received(request, server.settings, server.store, FIELDS) as form:
            order = read_order(form, sorted({b.method for b in server.studio.bundles}))
            as_json = order.several or accept == "application/json"
            if order.several and accept == "image/png":
                raise Refusal(406, "several pictures do not fit into one PNG: accept application/json")
            with server.line.place():
                prepared, made = await server.attend(request, server.translate(form, order))
        if not as_json:
            headers = {"Content-Disposition": f'inline; filename="{made[0].method}-{prepared.to}.png"'}
            return Response(made[0].png, media_type="image/png", headers=headers)
        return Response(await server.thread(_told, prepared, made), media_type="application/json")


def _accept(request: Request) -> str:
    """`application/json` or `image/png` if only one of them is accepted, else nothing."""
    accepted = {part.partition(";")[0].strip().lower() for part in request.headers.get("accept", "*/*").split(",")}
    named = [kind for kind in ("application/json", "image/png") if kind in accepted]
    return named[0] if len(named) == 1 and not accepted & {"*/*", "image/*"} else ""


def _told(prepared: Prepared, made: Sequence[Made]) -> str:
    result = schemas.TranslateOut(
        to=prepared.to, layout=prepared.layout, notes=list(prepared.notes),
        results=[
            schemas.ResultOut(
                method=m.method, faces=list(m.faces), size=m.size, png=_base64(m.png),
                input_png=None if m.before is None else _base64(plain(m.before)),
            )
            for m in made
        ],
    )  # fmt: skip
    return result.model_dump_json()


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
