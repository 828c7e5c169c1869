"""Run the server: uvicorn around the application, without a line of log for what it is asked."""

import contextlib
import socket
import sys
from collections.abc import Sequence

import uvicorn
from fastapi import FastAPI

from anime2real.bundle.format import Bundle
from anime2real.errors import UserError
from anime2real.image.open import reason
from anime2real.web.app import create_app
from anime2real.web.protocol import impatient
from anime2real.web.settings import Settings

BACKLOG = 1024
"""Connections that may wait to be accepted."""

GRACE_SECONDS = 5
"""How long those in work may go on once the server is told to end."""


def serve(bundles: Sequence[Bundle], settings: Settings) -> None:
    """Serve until Ctrl-C or SIGTERM.

    Raises:
        BundleError: one of the bundles is damaged.
        UserError: the address cannot be had.
    """
    if not bundles:
        raise UserError("no bundles come with this installation: there is nothing to serve")
    listener = listen(settings.host, settings.port)
    app = create_app(bundles, settings)
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    print(f"anime2real is at http://{host}:{listener.getsockname()[1]}/ (Ctrl-C ends it)", flush=True)
    if not settings.loopback and settings.token is None:
        print("note: everybody who can reach this address may use it: --token asks for one", file=sys.stderr)
    with contextlib.suppress(KeyboardInterrupt):  # uvicorn has ended in order, and raises it again
        around(app, settings).run(sockets=[listener])


def around(app: FastAPI, settings: Settings) -> uvicorn.Server:
    """uvicorn, with an end to its patience."""
    return uvicorn.Server(
        uvicorn.Config(
            app, http=impatient(settings.idle_seconds), ws="none", access_log=False, log_level="warning",
            server_header=False, proxy_headers=False, timeout_graceful_shutdown=GRACE_SECONDS, backlog=BACKLOG,
        )
    )  # fmt: skip


def listen(host: str, port: int) -> socket.socket:
    """A socket at which clients may already wait.

    Raises:
        UserError: the address cannot be had.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(BACKLOG)
        except OSError:
            listener.close()
            raise
    except (OSError, UnicodeError) as error:  # UnicodeError: a name that is none
        raise UserError(
            f"{host}:{port} cannot be listened at ({reason(error)}): give another --host or --port"
        ) from error
    return listener
