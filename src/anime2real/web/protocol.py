"""HTTP as uvicorn speaks it, with an end to patience: for headers that trickle in, and answers nobody takes away."""

import asyncio
import socket
import struct

from uvicorn.protocols.http.h11_impl import H11Protocol


def impatient(seconds: float) -> type[asyncio.Protocol]:
    """A protocol that drops a connection.

    Args:
        seconds: for a request's headers to arrive, and for a client to take what is written for it.
    """

    class Impatient(H11Protocol):
        _headers_due: asyncio.TimerHandle | None = None
        _reading_due: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._headers_due = self.loop.call_later(seconds, transport.abort)

        def data_received(self, data: bytes) -> None:
            if self._headers_due is None and (self.cycle is None or self.cycle.response_complete):
                self._headers_due = self.loop.call_later(seconds, self.transport.abort)
            super().data_received(data)
            if self.cycle is not None and not self.cycle.response_complete:
                self._forgive()

        def pause_writing(self) -> None:
            super().pause_writing()
            self._reading_due = self.loop.call_later(seconds, self._hang_up)

        def resume_writing(self) -> None:
            super().resume_writing()
            if self._reading_due is not None:
                self._reading_due.cancel()
                self._reading_due = None

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            self._forgive()
            if self._reading_due is not None:
                self._reading_due.cancel()

        def _hang_up(self) -> None:
            connection = self.transport.get_extra_info("socket")
            if connection is not None:  # else the system would go on offering what nobody takes, and hold it
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.transport.abort()

        def _forgive(self) -> None:
            if self._headers_due is not None:
                self._headers_due.cancel()
                self._headers_due = None

    return Impatient
