"""The door: who may ask, and the headers that every answer carries."""

import hmac
import logging
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from anime2real.web.errors import Refusal
from anime2real.web.settings import Settings

HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
LOOPBACK: Final = frozenset(("localhost", "127.0.0.1", "::1"))

_log = logging.getLogger("anime2real.web")


def answer(refusal: Refusal) -> JSONResponse:
    """A refusal as it is sent."""
    return JSONResponse({"error": str(refusal)}, refusal.status, headers=refusal.headers)


class Guard:
    """ASGI middleware around everything.

    Args:
        app: what it guards.
        settings: token, host and names.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app, self._settings = app, settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        started = False

        async def sealed(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                page = scope["path"] == "/" or scope["path"].startswith("/page/")
                headers["Cache-Control"] = "no-cache" if page else "no-store"
            await send(message)

        refusal = self.refusal(scope)
        try:
            if refusal is None:
                await self._app(scope, receive, sealed)
        except Refusal as error:
            if started:
                raise
            refusal = error
        except Exception:
            if started:
                raise
            _log.exception("%s %s fails", scope["method"], scope["path"])
            refusal = Refusal(500, "something broke here, not with you: the server's log says what")
        if refusal is not None:
            await answer(refusal)(scope, receive, sealed)

    def refusal(self, scope: Scope) -> Refusal | None:
        """Why a request is turned away at once; None if it is not."""
        headers = Headers(scope=scope)
        try:
            host = urlsplit(f"//{headers.get('host', '')}").hostname or ""
            origin = headers.get("origin")
            stranger = origin is not None and urlsplit(origin).netloc.lower() != headers.get("host", "").lower()
        except ValueError:
            return Refusal(400, "the Host or Origin header cannot be read")
        own = {*LOOPBACK, *(name.lower() for name in self._settings.names)}
        # Another site may make its name lead here, and its visitors' browsers ask (DNS rebinding).
        if self._settings.token is None and self._settings.loopback and host not in own:
            return Refusal(421, "this server does not go by that name: start it with --name to allow it")
        if stranger and scope["method"] != "GET":
            return Refusal(403, "another site's page may not ask this server")
        if self._settings.token is not None and scope["path"].startswith("/v1/"):
            scheme, _, given = headers.get("authorization", "").partition(" ")
            right = hmac.compare_digest(given.strip().encode(), self._settings.token.encode())
            if scheme.lower() != "bearer" or not right:
                return Refusal(401, "this server wants a token: send it as 'Authorization: Bearer TOKEN'")
        return None
