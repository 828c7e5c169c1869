"""ASGI middleware: checks who may ask, adds the security headers, and turns failures into JSON.

The page of `serve` and that of `study` both use it.
"""

import hmac
import logging
from collections import deque
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from anime2real.web.problem import HttpProblem
from anime2real.web.settings import Settings

SECURITY_HEADERS: Final[Mapping[str, str]] = {
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
LOOPBACK_NAMES: Final = frozenset(("localhost", "127.0.0.1", "::1"))

_log = logging.getLogger("anime2real.web")


class SecurityMiddleware:
    """Wraps the whole application.

    Args:
        app: the application.
        settings: token, host and host names.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app, self._settings = app, settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                headers.update(SECURITY_HEADERS)
                page = scope["path"] in ("/", "/api") or scope["path"].startswith("/page/")
                headers["Cache-Control"] = "no-cache" if page else "no-store"
            await send(message)

        problem = self._check(scope)
        try:
            if problem is None:  # a HEAD is answered as its GET, and uvicorn leaves out the body
                asked = {**scope, "method": "GET"} if scope["method"] == "HEAD" else scope
                await self._app(asked, receive, send_with_headers)
        except HttpProblem as error:
            if started:
                raise
            problem = error
        except Exception:
            if started:
                raise
            _log.exception("%s %s fails", scope["method"], scope["path"])
            problem = HttpProblem(500, "something broke here, not with you: the server's log says what")
        if problem is not None:
            await problem.response()(scope, receive, send_with_headers)

    def _check(self, scope: Scope) -> HttpProblem | None:
        """Why a request is rejected before the application sees it; None if it is not."""
        headers = Headers(scope=scope)
        try:
            host = urlsplit(f"//{headers.get('host', '')}").hostname or ""
            origin = headers.get("origin")
            cross_origin = origin is not None and urlsplit(origin).netloc.lower() != headers.get("host", "").lower()
        except ValueError:
            return HttpProblem(400, "the Host or Origin header cannot be read")
        allowed = {*LOOPBACK_NAMES, *(name.lower() for name in self._settings.host_names)}
        # DNS rebinding: another site may make its name lead to this address, so that its visitors' browsers ask here.
        if self._settings.token is None and self._settings.loopback and host not in allowed:
            return HttpProblem(421, "this server does not go by that name: start it with --name to allow it")
        if cross_origin and scope["method"] not in ("GET", "HEAD"):
            return HttpProblem(403, "another site's page may not ask this server")
        if self._settings.token is not None and scope["path"].startswith("/v1/"):
            scheme, _, given = headers.get("authorization", "").partition(" ")
            right = hmac.compare_digest(given.strip().encode(), self._settings.token.encode())
            if scheme.lower() != "bearer" or not right:
                return HttpProblem(401, "this server wants a token: send it as 'Authorization: Bearer TOKEN'")
        return None


class BodyLimitMiddleware:
    """Reads a request's body before the application does, and rejects one that is larger.

    Args:
        app: the application.
        max_bytes: of a request's body; so much is held in memory.
    """

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app, self._max_bytes = app, max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        held: deque[Message] = deque()
        count, more = 0, True
        while more:
            message = await receive()
            held.append(message)
            count += len(message.get("body", b""))
            more = message.get("more_body", False)
            if count > self._max_bytes:
                problem = HttpProblem(413, f"a request has {self._max_bytes:,} bytes at most")
                await problem.response()(scope, receive, send)
                return

        async def replayed() -> Message:
            return held.popleft() if held else await receive()

        await self._app(scope, replayed, send)
