"""A running server for tests: real sockets, in a thread of this process."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

from anime2real.bundle.format import Bundle
from anime2real.web.app import create_app
from anime2real.web.server import open_listener, uvicorn_server
from anime2real.web.settings import Settings
from anime2real.web.state import Server

EXAMPLES = Path(__file__).parent.parent / "examples"
FACE = (EXAMPLES / "aoi.png").read_bytes()


@contextmanager
def http_server(handler: Callable[..., BaseHTTPRequestHandler]) -> Iterator[str]:
    """Python's own HTTP server, in a thread for as long as the block lasts: its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


@dataclass
class Live:
    """A server, its port and a client."""

    port: int
    state: Server
    client: httpx.Client

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def post(self, path: str, picture: bytes = FACE, /, *, headers: Any = None, **fields: Any) -> httpx.Response:
        """Send a picture and fields."""
        return self.client.post(path, files={"picture": ("x", picture)}, data=fields, headers=headers)


@contextmanager
def running(bundles: Sequence[Bundle], **settings: Any) -> Iterator[Live]:
    """Serve at a free port for as long as the block lasts."""
    chosen = Settings(port=0, **settings)
    app = create_app(bundles, chosen)
    listener = open_listener(chosen.host, 0)
    port = listener.getsockname()[1]
    server = uvicorn_server(app, chosen)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False) as client:
            yield Live(port, app.state.server, client)
    finally:
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive()


def error(response: httpx.Response, status: int) -> str:
    """The one line of an error response."""
    assert response.status_code == status, response.text
    assert list(response.json()) == ["error"]
    line: str = response.json()["error"]
    assert "\n" not in line
    assert line
    return line
