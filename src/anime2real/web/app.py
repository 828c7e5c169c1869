"""The application: its routes, the middleware, and what it answers when a request fails."""

from collections.abc import Sequence
from typing import Final

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.staticfiles import StaticFiles

from anime2real import __version__
from anime2real.bundle.format import Bundle
from anime2real.errors import UserError
from anime2real.image.decode import PictureError
from anime2real.web.middleware import SecurityMiddleware
from anime2real.web.problem import HttpProblem
from anime2real.web.routes import PAGE, add_routes
from anime2real.web.settings import Settings
from anime2real.web.state import Server

CLIENT_CLOSED_REQUEST: Final = 499


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
    add_routes(app, server)
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
