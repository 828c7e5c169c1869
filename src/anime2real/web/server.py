"""Run an application with uvicorn; requests are not logged."""

import contextlib
import logging
import socket
from collections.abc import Sequence

import uvicorn
from fastapi import FastAPI

from anime2real.bundle.format import Bundle
from anime2real.errors import UserError
from anime2real.image.decode import reason
from anime2real.progress import tell
from anime2real.web.app import create_app
from anime2real.web.protocol import timeout_protocol
from anime2real.web.settings import Settings

BACKLOG = 1024
"""Connections that may wait to be accepted."""

SHUTDOWN_SECONDS = 5
"""How long requests in work may go on when the server shuts down."""


def serve(bundles: Sequence[Bundle], settings: Settings) -> None:
    """Serve the page and the API until Ctrl-C or SIGTERM.

    Raises:
        BundleError: one of the bundles is damaged.
        UserError: there are no bundles, or the address cannot be listened at.
    """
    if not bundles:
        raise UserError("no bundles come with this installation: there is nothing to serve")
    listener = open_listener(settings.host, settings.port)
    if not settings.loopback and settings.token is None:
        tell("note: everybody who can reach this address may use it: --token asks for one")
    run(create_app(bundles, settings), settings, listener, "anime2real is at {address} (Ctrl-C ends it)")


def run(app: FastAPI, settings: Settings, listener: socket.socket, announcement: str) -> None:
    """Run an application until Ctrl-C or SIGTERM.

    Args:
        app: the application.
        settings: its address and timeouts.
        listener: from `open_listener`.
        announcement: printed first, with the URL in the place of `{address}`.
    """
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    print(announcement.format(address=f"http://{host}:{listener.getsockname()[1]}/"), flush=True)
    with contextlib.suppress(KeyboardInterrupt):  # uvicorn has shut down in order, and raises it again
        uvicorn_server(app, settings).run(sockets=[listener])


def uvicorn_server(app: FastAPI, settings: Settings) -> uvicorn.Server:
    """uvicorn with this project's timeouts and without its log of requests."""
    logging.getLogger("python_multipart").setLevel(logging.CRITICAL)  # it would log what is wrong with a client's form
    return uvicorn.Server(
        uvicorn.Config(
            app, http=timeout_protocol(settings.idle_seconds), ws="none", access_log=False, log_level="error",
            server_header=False, proxy_headers=False, timeout_graceful_shutdown=SHUTDOWN_SECONDS, backlog=BACKLOG,
        )
    )  # fmt: skip


def open_listener(host: str, port: int) -> socket.socket:
    """A listening socket; clients may connect to it before the application runs.

    Raises:
        UserError: the address cannot be listened at.
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
    except (OSError, UnicodeError) as error:  # UnicodeError: not a host name
        raise UserError(
            f"{host}:{port} cannot be listened at ({reason(error)}): give another --host or --port"
        ) from error
    return listener
