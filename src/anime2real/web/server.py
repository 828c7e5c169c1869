"""Run the server: uvicorn around the application, without a line of log for what it is asked."""

import socket
import sys
from collections.abc import Sequence

import uvicorn

from anime2real.bundle import Bundle
from anime2real.errors import UserError
from anime2real.untrusted import reason
from anime2real.web.app import create_app
from anime2real.web.protocol import impatient
from anime2real.web.settings import Settings


def serve(bundles: Sequence[Bundle], settings: Settings) -> None:
    """Serve until interrupted.

    Raises:
        BundleError: one of the bundles is damaged.
        UserError: the address cannot be had.
    """
    if not bundles:
        raise UserError("no bundles come with this installation: there is nothing to serve")
    app = create_app(bundles, settings)
    listener = _listen(settings.host, settings.port)
    port = listener.getsockname()[1]
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    print(f"anime2real is at http://{host}:{port}/ (Ctrl-C ends it)", flush=True)
    if not settings.loopback and settings.token is None:
        print("note: everybody who can reach this address may use it: --token asks for one", file=sys.stderr)
    config = uvicorn.Config(
        app, http=impatient(settings.idle_seconds), ws="none", access_log=False, log_level="warning",
        server_header=False, date_header=False, timeout_graceful_shutdown=5, backlog=1024,
    )  # fmt: skip
    uvicorn.Server(config).run(sockets=[listener])


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        raise UserError(
            f"{host}:{port} cannot be listened at ({reason(error)}): give another --host or --port"
        ) from error
    return listener
