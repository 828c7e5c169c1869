"""Parts of files read by their places, from a folder or, through fsspec, from a server or an object store."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from anime2real.data.remote import file_system
from anime2real.errors import UserError, first_line

Range = tuple[str, int, int]
"""A file's name, the first byte, and the one behind the last."""

TRIES: Final = 5

_WAIT_SECONDS: Final = 0.5
"""Before the second try; twice as long before each further one."""


class UnreadableError(UserError):
    """What should be read is not there, or not as long as it should be."""


class ByteRanges(Protocol):
    """Whatever reads ranges."""

    def read(self, ranges: Sequence[Range]) -> list[bytes]:
        """The bytes of each range, in their order.

        Raises:
            UnreadableError: some are not to be had.
        """


class Folder:
    """Files of a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, ranges: Sequence[Range]) -> list[bytes]:
        """See `ByteRanges`."""
        result = []
        for name, start, stop in ranges:
            try:
                with (self._folder / name).open("rb", buffering=0) as file:
                    file.seek(start)
                    result.append(file.read(stop - start))
            except OSError as error:
                is_there = isinstance(error, PermissionError)
                advice = "allow reading it" if is_there else "copy it there, or make the shards again"
                why = error.strerror or first_line(error)
                raise UnreadableError(f"{self._folder / name} cannot be read ({why}): {advice}") from error
        return result


class Remote:
    """Files below an address; all ranges of a call are asked for at once, and again where the network fails."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._opened: tuple[Any, str] | None = None

    def read(self, ranges: Sequence[Range]) -> list[bytes]:
        """See `ByteRanges`."""
        if self._opened is None:  # in the process that reads, which may be another one than made this
            self._opened = file_system(self._address)
        system, root = self._opened
        paths = [f"{root}/{name}" for name, _, _ in ranges]
        starts, stops = [start for _, start, _ in ranges], [stop for _, _, stop in ranges]
        for left in reversed(range(TRIES)):
            try:
                return list(system.cat_ranges(paths, starts, stops, on_error="raise"))
            except Exception as error:  # of aiohttp, botocore … each has its own
                if isinstance(error, (FileNotFoundError, PermissionError)) or not left:
                    raise UnreadableError(f"{self._address} cannot be read: {first_line(error)}") from error
                time.sleep(_WAIT_SECONDS * 2 ** (TRIES - 1 - left))
        raise AssertionError("the last try returns or raises")
