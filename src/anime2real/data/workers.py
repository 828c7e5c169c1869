"""Work spread over processes, its results in order, that ends with whoever started it."""

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from typing import Any, Final, Protocol, TypeVar

from anime2real.data.pack import PackError, PackOptionError
from anime2real.progress import tell

T = TypeVar("T")

_WAITING = 2
"""Tasks for each process that are sent ahead, so that results do not pile up in memory."""

STOPPING: Final = "stopping: the pictures in work are finished first, and kept; another Ctrl-C ends at once"

_stopping: Connection | None = None
"""In a process of a pool: closed at its other end when no further task is to be begun."""


class Workers(Protocol):
    """What spreads work over processes, those of this machine (`in_order`) or of a cluster (`on_ray`)."""

    def __call__(self, function: Callable[..., T], tasks: Iterable[tuple[Any, ...]], count: int) -> Iterator[T]:
        """What a function gives for each task, in the tasks' order.

        Args:
            function: can be pickled, as the tasks can.
            tasks: its arguments. On a cluster they are pickled in one piece, and gone through there.
            count: how many there are, at least roughly: no more processes are begun with.

        Raises:
            UserError: of the function, or since the processes cannot do it.
        """
        ...


def in_order(
    function: Callable[..., T],
    tasks: Iterable[tuple[Any, ...]],
    count: int,
    processes: int | None,
    *,
    finishing: bool = False,
) -> Iterator[T]:
    """What a function gives for each task, in the tasks' order.

    Args:
        function: of a module, so that another process can import it.
        tasks: its arguments.
        count: how many tasks there are, at least roughly: no more processes are started.
        processes: to use; all cores if not given. With one, everything happens in this one.
        finishing: whether an interruption says that it waits for the tasks that are begun, and does, since the
            function keeps what it makes; a second one ends them. Else they end at once.

    Raises:
        PackError: a process was killed, or `processes` is below 1.
    """
    _check(processes)
    number = min(processes or os.cpu_count() or 1, count)
    if number <= 1:
        for task in tasks:
            yield function(*task)
        return
    context = get_context("spawn")
    (stopping, stop), (ending, end) = context.Pipe(duplex=False), context.Pipe(duplex=False)
    with no_stderr():
        pool = ProcessPoolExecutor(number, context, _begin, (stopping, ending))
    waiting: deque[Future[T]] = deque()
    try:
        for task in tasks:
            with no_stderr():  # a process starts when there is work for it
                waiting.append(pool.submit(_unless_stopping, function, *task))
            if len(waiting) >= _WAITING * number:
                yield _first(waiting)
        while waiting:
            yield _first(waiting)
    except BrokenProcessPool as error:
        raise PackError(
            "a process was killed, as systems do that run out of memory: run the same command again, with fewer"
            " --processes"
        ) from error
    except (KeyboardInterrupt, GeneratorExit):  # the latter if it came while a result was looked at
        if finishing and waiting:
            tell(STOPPING)
        raise
    finally:
        stop.close()
        if waiting and not finishing:
            end.close()
        try:
            pool.shutdown(cancel_futures=True)
        finally:  # at once, if it was interrupted
            end.close()
            pool.shutdown()


def _check(processes: int | None) -> None:
    if processes is not None and processes < 1:
        raise PackOptionError(f"--processes is 1 or more, not {processes}")


def _first(waiting: deque[Future[T]]) -> T:
    """The result of the first of some tasks, which is one of them until it has come."""
    result = waiting[0].result()
    waiting.popleft()
    return result


def _unless_stopping(function: Callable[..., T], *task: Any) -> T:
    """In a process of a pool: do a task; none that was sent ahead is begun any more where nobody waits for it."""
    if _stopping is None or wait([_stopping], 0):
        raise CancelledError
    return function(*task)


def processes_here(number: int | None, *, finishing: bool = False) -> Workers:
    """Processes of this machine: `number` of them, or as many as there are cores; `finishing` as of `in_order`.

    Raises:
        PackError: `number` is below 1.
    """
    _check(number)

    def spread(function: Callable[..., T], tasks: Iterable[tuple[Any, ...]], count: int) -> Iterator[T]:
        return in_order(function, tasks, count, number, finishing=finishing)

    return spread


@contextmanager
def no_stderr() -> Iterator[None]:
    """Give what is started meanwhile no stderr: if this process is killed, Python itself prints tracebacks there.

    They come from processes that had not begun yet; what goes wrong in one that has comes back as an exception.
    """
    try:
        kept = os.dup(2)
    except OSError:  # it is closed
        yield
        return
    try:  # from here on, an interruption may come at any step
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        os.close(nowhere)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _begin(stopping: Connection, ending: Connection) -> None:
    """In a new process: leave Ctrl-C to whoever started it, and end when that ends, however it does, or says so.

    Args:
        stopping, ending: closed at their other ends when no further task is to be begun, and when this is to end.
    """
    global _stopping
    _stopping = stopping
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = parent_process()
    assert parent is not None

    def watch() -> None:
        wait([ending, parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
