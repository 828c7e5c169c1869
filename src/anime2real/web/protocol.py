"""uvicorn's HTTP protocol with two timeouts: for headers that do not end, and for answers that no client reads."""

import asyncio
import socket
import struct

from uvicorn.protocols.http.h11_impl import H11Protocol


def timeout_protocol(seconds: float) -> type[asyncio.Protocol]:
    """A protocol class that closes connections which make no progress.

    Args:
        seconds: for a request's headers to arrive, and for a client to read what is written to it.
    """

    class TimeoutProtocol(H11Protocol):
        _header_timer: asyncio.TimerHandle | None = None
        _write_timer: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._header_timer = self.loop.call_later(seconds, transport.abort)

        def data_received(self, data: bytes) -> None:
            if self._header_timer is None and (self.cycle is None or self.cycle.response_complete):
                self._header_timer = self.loop.call_later(seconds, self.transport.abort)
            super().data_received(data)
            if self.cycle is not None and not self.cycle.response_complete:
                self._cancel_header_timer()

        def pause_writing(self) -> None:
            super().pause_writing()
            self._write_timer = self.loop.call_later(seconds, self._reset)

        def resume_writing(self) -> None:
            super().resume_writing()
            if self._write_timer is not None:
                self._write_timer.cancel()
                self._write_timer = None

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            self._cancel_header_timer()
            if self._write_timer is not None:
                self._write_timer.cancel()

        def _reset(self) -> None:
            connection = self.transport.get_extra_info("socket")
            if connection is not None:  # without this the system would keep the unread answer and go on offering it
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.transport.abort()

        def _cancel_header_timer(self) -> None:
            if self._header_timer is not None:
                self._header_timer.cancel()
                self._header_timer = None

    return TimeoutProtocol
