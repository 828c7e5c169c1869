"""Read what is sent: a multipart form with one picture, held in memory, never on a disk.

Bytes are counted while they arrive. Whoever sends too slowly is told so and let go; nobody else waits for them.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from anime2real.errors import nearest
from anime2real.web.admission import Store
from anime2real.web.errors import Refusal
from anime2real.web.settings import Settings

OVERHEAD: Final = 64 * 2**10
"""Bytes of a form around its picture."""

FIELDS: Final = 32
DRAIN_SECONDS: Final = 5.0
"""How long the rest of a refused body is read, so that the client hears why before its connection ends."""


@dataclass(frozen=True)
class Form:
    """What was sent.

    Attributes:
        picture: the file's bytes.
        fields: the other fields' values.
    """

    picture: bytes
    fields: dict[str, list[str]]

    def one(self, name: str, default: str) -> str:
        """The value of a field that may come once.

        Raises:
            Refusal: 400, it came more often.
        """
        values = self.fields.get(name, [default])
        if len(values) != 1:
            raise Refusal(400, f"{name} is given {len(values)} times: give it once")
        return values[0]


class _InMemory(MultiPartParser):
    spool_max_size = 2**40  # no temporary files: no picture is kept


@asynccontextmanager
async def received(
    request: Request, settings: Settings, store: Store, known: frozenset[str]
) -> AsyncIterator[Form]:  # fmt: skip
    """The form of a request, its bytes counted in `store` as long as it is used.

    Args:
        request: whose body has not been read.
        settings: its limits.
        store: where bytes are counted.
        known: names that fields other than `picture` may have.

    Raises:
        Refusal: 400 or 415, no such form; 408, it comes too slowly; 413, too large; 429, too many at once.
        ClientDisconnect: the client has gone.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "multipart/form-data":
        raise Refusal(
            415, f"the body is {kind or 'of no stated kind'}: send multipart/form-data with a field 'picture'"
        )
    reader = _Reader(request, settings, store)
    try:
        parser = _InMemory(request.headers, reader.pieces(), max_files=1, max_fields=FIELDS, max_part_size=4096)
        try:
            async with asyncio.timeout(settings.body_seconds):
                data = await parser.parse()
        except TimeoutError as error:
            raise Refusal(
                408, f"the picture did not arrive within {settings.body_seconds:g} s: send it again"
            ) from error
        except MultiPartException as error:
            raise Refusal(400, f"the form cannot be read ({error.message}): send one picture and the fields") from error
        fields: dict[str, list[str]] = {}
        picture: UploadFile | None = None
        for name, value in data.multi_items():
            if isinstance(value, UploadFile) != (name == "picture"):
                raise Refusal(400, "the form must hold one file, named 'picture', and otherwise text")
            if isinstance(value, UploadFile):
                picture = value
            elif name not in known:
                raise Refusal(400, f"the form has an unknown field {name[:40]!r}{nearest(name, sorted(known))}")
            else:
                fields.setdefault(name, []).append(value)
        if picture is None:
            raise Refusal(400, "the form holds no picture: send one as the file 'picture'")
        content = await picture.read()
        await picture.close()
        if len(content) > settings.max_bytes:
            raise reader.too_large()
        yield Form(content, fields)
    except Refusal as refusal:
        if refusal.status in (408, 413, 415, 429) and not reader.ended:
            await reader.drain()
        raise
    finally:
        store.give(reader.count)


class _Reader:
    """A body's pieces, counted and timed."""

    def __init__(self, request: Request, settings: Settings, store: Store) -> None:
        self._request, self._settings, self._store = request, settings, store
        self._stream = request.stream()
        self.count = 0
        self.ended = False

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        declared = self._request.headers.get("content-length", "0")
        limit = self._settings.max_bytes + OVERHEAD
        if declared.isdecimal() and int(declared) > limit:
            raise self.too_large()
        while (piece := await self._next()) is not None:
            if self.count + len(piece) > limit:
                raise self.too_large()
            self._store.take(len(piece))
            self.count += len(piece)
            yield piece

    async def _next(self) -> bytes | None:
        try:
            return await asyncio.wait_for(anext(self._stream), self._settings.idle_seconds)
        except StopAsyncIteration:
            self.ended = True
            return None
        except TimeoutError as error:
            self.ended = True  # nothing comes that could be drained
            raise Refusal(408, f"nothing came for {self._settings.idle_seconds:g} s: send the picture again") from error

    def too_large(self) -> Refusal:
        return Refusal(
            413, f"the picture has more bytes than the {self._settings.max_bytes:,} allowed: make it smaller"
        )

    async def drain(self) -> None:
        """Read on without keeping anything, for a while."""
        end = time.monotonic() + min(DRAIN_SECONDS, self._settings.idle_seconds)
        with suppress(Exception):
            async with asyncio.timeout(end - time.monotonic()):
                async for _ in self._stream:
                    pass
