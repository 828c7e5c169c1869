"""The option --ray of `translate` and `prepare`: their work on a cluster, and a table of the pictures that failed."""

import csv
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from anime2real.cli.extras import need_extra
from anime2real.errors import UsageError, UserError

if TYPE_CHECKING:
    from anime2real.data.workers import Workers
    from anime2real.image.files import Search
    from anime2real.network import Networks
    from anime2real.outcome import Options, Outcome, TakeClip


class Place(Protocol):
    """Where results go, as `translate` has it."""

    @property
    def folder(self) -> Path: ...
    @property
    def file(self) -> Path | None: ...
    @property
    def to_stdout(self) -> bool: ...


def cluster(given: Sequence[str], cores: int = 1) -> "AbstractContextManager[Workers]":
    """The cluster that --ray names, or the one that it finds.

    Args:
        given: the address, or nothing.
        cores: of each process.

    Raises:
        UserError: the extra `ray` is missing, more than one address was given, or there is no cluster.
    """
    if len(given) > 1:
        raise UsageError(f"--ray takes one address, not {' and '.join(given[:2])}: put --ray at the end")
    need_extra("ray", "--ray")
    from anime2real.on_ray import on_ray

    return on_ray(given[0] if given else None, cores=cores)


def translate_on(
    given: Sequence[str], cores: int, networks: "Networks", search: "Search", place: "Place",
    options: "Options", take_clip: "TakeClip",
) -> "Iterator[Outcome]":  # fmt: skip
    """As `translate_files`, on the cluster of --ray, with a table of what failed beside the folder of the results."""
    if place.file or place.to_stdout:
        raise UsageError("--ray is for many pictures: name a folder for the results")
    output = place.folder
    from anime2real.translate_parts import translate_parts

    with cluster(given, cores) as spread, table_of_failures(output) as table:
        for outcome in translate_parts(spread, networks, search, output, options, take_clip):
            if outcome.error is not None:
                table(outcome.source or "", outcome.error)
            yield outcome


@contextmanager
def table_of_failures(output: Path) -> "Iterator[Callable[[Path | str, str], None]]":
    """A CSV table beside the output, to which pictures are added that failed; there is none if none did.

    It is of one command: that of a command before is removed.
    """
    path = output.with_name(f"{output.name}.failed.csv")
    with _told(path):
        path.unlink(missing_ok=True)
    with ExitStack() as until:

        @cache
        def table() -> Any:
            file = path.open("w", encoding="utf-8", errors="surrogateescape", newline="", buffering=1)
            writer = csv.writer(until.enter_context(file), lineterminator="\n")
            writer.writerow(("picture", "why"))
            return writer

        def add(picture: Path | str, why: str) -> None:
            with _told(path):
                table().writerow((picture, why))

        yield add


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """A failure to write as one line for the user."""
    try:
        yield
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror or error}") from error
