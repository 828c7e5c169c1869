"""Run functions in worker threads so that they end soon after nobody waits for them.

A thread cannot be cancelled from outside: functions call `check_wanted` between their steps.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, TypeVar

from anime2real.errors import UserError

T = TypeVar("T")
_here = threading.local()


class UnwantedError(UserError):
    """The work of a thread whose caller has given up."""


def check_wanted() -> None:
    """Go on only if the caller still waits.

    Raises:
        UnwantedError: it has given up.
    """
    stop = getattr(_here, "stop", None)
    if stop is not None and stop.is_set():
        raise UnwantedError("nobody waits for this any more")


async def run_in_thread(pool: Executor, function: Callable[..., T], *arguments: Any) -> T:
    """Call a function in a thread of a pool and await what it returns.

    If the caller is cancelled, the function does not begin, or ends where it next calls `check_wanted`. Only then does
    the caller go on: what it holds for the function stays counted as held.
    """
    stop = threading.Event()

    def call() -> T:
        _here.stop = stop
        return function(*arguments)

    work = pool.submit(call)
    result = asyncio.wrap_future(work)
    try:
        return await asyncio.shield(result)
    except asyncio.CancelledError:
        stop.set()
        if not work.cancel():
            await asyncio.wait({result})
            with contextlib.suppress(Exception):  # that it was stopped is no failure
                result.result()
        raise
