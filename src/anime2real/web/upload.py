"""Read an upload: a multipart form with one picture, held in memory and never written to a disk.

Bytes are counted and timed while they arrive. A client that sends too slowly gets 408; others do not wait for it.
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
from anime2real.web.admission import ByteBudget
from anime2real.web.problem import HttpProblem
from anime2real.web.settings import Settings

FORM_OVERHEAD: Final = 64 * 2**10
"""Bytes of a form besides its picture."""

MAX_FIELDS: Final = 32
DRAIN_SECONDS: Final = 5.0
"""How long the server reads the rest of a rejected body, so that the client receives the answer before the close."""


@dataclass(frozen=True)
class UploadForm:
    """The content of a form.

    Attributes:
        picture: the file's bytes.
        fields: the values of the other fields.
    """

    picture: bytes
    fields: dict[str, list[str]]

    def single(self, name: str, default: str) -> str:
        """The value of a field that may be given once.

        Raises:
            HttpProblem: 400, it is given more often.
        """
        values = self.fields.get(name, [default])
        if len(values) != 1:
            raise HttpProblem(400, f"{name} is given {len(values)} times: give it once")
        return values[0]


class _MemoryParser(MultiPartParser):
    spool_max_size = 2**40  # no temporary files: no picture is kept


@asynccontextmanager
async def read_upload(
    request: Request, settings: Settings, budget: ByteBudget, known: frozenset[str]
) -> AsyncIterator[UploadForm]:  # fmt: skip
    """The form of a request; its bytes count in `budget` as long as the block lasts.

    Args:
        request: whose body has not been read.
        settings: the server's limits.
        budget: counts the bytes of all requests.
        known: the names that fields other than `picture` may have.

    Raises:
        HttpProblem: 400 or 415, not such a form; 408, it arrives too slowly; 413, too large; 503, too much at once.
        ClientDisconnect: the client has closed the connection.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "multipart/form-data":
        raise HttpProblem(
            415, f"the body is {kind or 'of no stated kind'}: send multipart/form-data with a field 'picture'"
        )
    body = _BodyReader(request, settings, budget)
    try:
        fields, file = await _parse(request, body, settings, known)
        content = await file.read()
        await file.close()
        if len(content) > settings.max_bytes:
            raise body.too_large()
        yield UploadForm(content, fields)
    except HttpProblem as problem:
        if problem.status in (408, 413, 415, 503) and not body.ended:
            await body.drain()
        raise
    finally:
        budget.release(body.count)


async def _parse(
    request: Request, body: "_BodyReader", settings: Settings, known: frozenset[str]
) -> tuple[dict[str, list[str]], UploadFile]:
    """The text fields and the picture of a form; errors as for `read_upload`."""
    parser = _MemoryParser(request.headers, body.pieces(), max_files=1, max_fields=MAX_FIELDS, max_part_size=4096)
    try:
        async with asyncio.timeout(settings.body_seconds):
            data = await parser.parse()
    except TimeoutError as error:
        raise HttpProblem(
            408, f"the picture did not arrive within {settings.body_seconds:g} s: send it again"
        ) from error
    except MultiPartException as error:
        raise HttpProblem(400, f"the form cannot be read ({error.message}): send one picture and the fields") from error
    fields: dict[str, list[str]] = {}
    picture: UploadFile | None = None
    for name, value in data.multi_items():
        if isinstance(value, UploadFile) != (name == "picture"):
            raise HttpProblem(400, "the form must hold one file, named 'picture', and otherwise text")
        if isinstance(value, UploadFile):
            picture = value
        elif name not in known:
            raise HttpProblem(400, f"the form has an unknown field {name[:40]!r}{nearest(name, sorted(known))}")
        else:
            fields.setdefault(name, []).append(value)
    if picture is None:
        raise HttpProblem(400, "the form holds no picture: send one as the file 'picture'")
    return fields, picture


class _BodyReader:
    """Reads a body piece by piece, counts its bytes and times each wait."""

    def __init__(self, request: Request, settings: Settings, budget: ByteBudget) -> None:
        self._request, self._settings, self._budget = request, settings, budget
        self._stream = request.stream()
        self.count = 0
        self.ended = False

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        declared = self._request.headers.get("content-length", "0")
        limit = self._settings.max_bytes + FORM_OVERHEAD
        if declared.isdecimal() and int(declared) > limit:
            raise self.too_large()
        while (piece := await self._next()) is not None:
            if self.count + len(piece) > limit:
                raise self.too_large()
            self._budget.reserve(len(piece))
            self.count += len(piece)
            yield piece

    async def _next(self) -> bytes | None:
        try:
            return await asyncio.wait_for(anext(self._stream), self._settings.idle_seconds)
        except StopAsyncIteration:
            self.ended = True
            return None
        except TimeoutError as error:
            self.ended = True  # the client sends nothing, so there is nothing to drain
            raise HttpProblem(
                408, f"nothing came for {self._settings.idle_seconds:g} s: send the picture again"
            ) from error

    def too_large(self) -> HttpProblem:
        return HttpProblem(
            413, f"the picture has more bytes than the {self._settings.max_bytes:,} allowed: make it smaller"
        )

    async def drain(self) -> None:
        """Read on for a while and keep nothing."""
        end = time.monotonic() + min(DRAIN_SECONDS, self._settings.idle_seconds)
        with suppress(Exception):
            async with asyncio.timeout(end - time.monotonic()):
                async for _ in self._stream:
                    pass
