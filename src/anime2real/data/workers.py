"""Work spread over processes, its results in order, that ends with whoever started it."""

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from typing import Any, Protocol, TypeVar

from anime2real.data.pack import PackError, PackOptionError

T = TypeVar("T")

_WAITING = 2
"""Tasks for each process that are sent ahead, so that results do not pile up in memory."""


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
    function: Callable[..., T], tasks: Iterable[tuple[Any, ...]], count: int, processes: int | None
) -> Iterator[T]:
    """What a function gives for each task, in the tasks' order.

    Args:
        function: of a module, so that another process can import it.
        tasks: its arguments.
        count: how many tasks there are, at least roughly: no more processes are started.
        processes: to use; all cores if not given. With one, everything happens in this one.

    Raises:
        PackError: a process was killed, or `processes` is below 1.
    """
    if processes is not None and processes < 1:
        raise PackOptionError(f"--processes is 1 or more, not {processes}")
    number = min(processes or os.cpu_count() or 1, count)
    if number <= 1:
        for task in tasks:
            yield function(*task)
        return
    with no_stderr():
        pool = ProcessPoolExecutor(number, get_context("spawn"), _begin)
    waiting: deque[Future[T]] = deque()
    try:
        for task in tasks:
            with no_stderr():  # a process starts when there is work for it
                waiting.append(pool.submit(function, *task))
            if len(waiting) >= _WAITING * number:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool as error:
        raise PackError(
            "a process was killed, as systems do that run out of memory: run the same command again, with fewer"
            " --processes"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def processes_here(number: int | None) -> Workers:
    """Processes of this machine: `number` of them, or as many as there are cores."""

    def spread(function: Callable[..., T], tasks: Iterable[tuple[Any, ...]], count: int) -> Iterator[T]:
        return in_order(function, tasks, count, number)

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
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _begin() -> None:
    """In a new process: leave Ctrl-C to whoever started it, and end when that ends, however it does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
