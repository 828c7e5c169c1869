"""Work spread over a Ray cluster by Ray Data: actors do it task by task, and results come in order.

With `--ray`, `prepare` and `translate` are the plain commands with this in place of their own processes. What decodes,
translates and writes is the same; done twice, it leaves the same files. Ray starts an actor for each core, which keeps
the networks that it loads, and another one in place of one that was killed, to which it gives the same task again.
All nodes see the pictures and the results at the same path. Only tasks and what became of them pass through Ray.
"""

import logging
import os
import re
import socket
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import ray
from ray.data import ActorPoolStrategy, DataContext, Datasource, ReadTask, read_datasource
from ray.data.block import BlockAccessor, BlockMetadata
from ray.exceptions import RayError

from anime2real import __version__
from anime2real.data.workers import Workers, no_stderr
from anime2real.errors import UsageError, UserError, first_line

ATTEMPTS: Final = 5
"""Times that a task is begun; Ray itself would go on for ever with one that kills its process."""


ANSWER_SECONDS: Final = 20
"""In which a cluster has to answer."""


class ClusterError(UserError):
    """A cluster that is not there, or cannot do the work."""


@contextmanager
def on_ray(address: str | None, *, cores: int = 1) -> Iterator[Workers]:
    """Join a cluster; gives what spreads work over it.

    Args:
        address: of the cluster, HOST:PORT; if None, of that which this machine belongs to, and if it belongs to none,
            one of this machine alone is started.
        cores: of each actor.

    Raises:
        UsageError: that is no address.
        ClusterError: there is no cluster.
    """
    if address is not None:
        _check(address)
    joined = not ray.is_initialized()
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # a cluster that is started here reports to nobody
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # what goes wrong comes back as an exception
    try:
        if joined:  # what workers print stays in Ray's logs: results and failures come back
            with no_stderr():
                ray.init(address, log_to_driver=False, logging_level=logging.ERROR)
            _quiet()
    except (ConnectionError, OSError, RuntimeError, ValueError) as error:
        where = f"at {address}" if address else "on this machine"
        raise ClusterError(f"no Ray cluster {where}: {first_line(error)} (see ray status)") from error
    try:
        yield partial(_in_order, cores)
    finally:
        if joined:
            ray.shutdown()


def _quiet() -> None:
    """Keep Ray from the terminal, where it tells of killed nodes on stdout, and of each failure by a traceback."""
    ray._private.worker._worker_logs_enabled = False
    for handler in logging.getLogger("ray.data").handlers:
        if isinstance(handler, logging.StreamHandler):
            handler.setLevel(logging.CRITICAL)


def _check(address: str) -> None:
    """Refuse what is no address, and one where nobody answers: Ray itself asks on and on."""
    host, _, port = address.rpartition(":")
    if not re.fullmatch(r"[^/\s]+", host) or not port.isdecimal():
        raise UsageError(f"--ray {address!r} is no address: give HOST:PORT, or --ray alone at the end")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=ANSWER_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise ClusterError(f"no Ray cluster at {address}: {error} (see ray status)") from error


def _in_order(cores: int, function: Callable[..., Any], tasks: Iterable[tuple[Any, ...]], count: int) -> Iterator[Any]:
    """As `Workers`."""
    context = DataContext.get_current().copy()
    context.target_max_block_size = 1  # byte: every task is a block, which is what an actor gets
    context.enable_progress_bars = False
    context.execution_options.preserve_order = True
    with DataContext.current(context):
        actors = sum(int(node["Resources"].get("CPU", 0)) // cores for node in ray.nodes() if node["Alive"])
        if not actors:
            raise ClusterError(f"no node of the cluster has {cores} cores for a process: give fewer --threads")
        # What only one does, it does on this node: when that is gone, so is whoever waits for the results.
        here = {"ray.io/node-id": ray.get_runtime_context().get_node_id()}
        attempts = ray.remote(num_cpus=0, label_selector=here)(_Attempts).remote()
        results = read_datasource(_Tasks(tasks), override_num_blocks=1, num_cpus=0, label_selector=here).map_batches(
            _Actor, batch_size=None, batch_format="numpy", num_cpus=cores,
            fn_constructor_args=(function, attempts, os.getcwd(), __version__),
            compute=ActorPoolStrategy(min_size=1, initial_size=min(actors, count)),
        )  # fmt: skip
        rows = iter(results.iter_rows())
    try:
        for row in rows:
            if isinstance(row["held"].content, UserError):
                raise row["held"].content
            yield row["held"].content
    except RayError as error:
        raise ClusterError(
            f"the cluster cannot do the work: {first_line(error)}; see Ray's logs, and whether all nodes have"
            " anime2real and its extra ray; the same command goes on"
        ) from error


@dataclass(frozen=True)
class _Held:
    """What a row holds; of a list or a dictionary Ray would make columns."""

    content: Any


def _rows(contents: Iterable[Any]) -> dict[str, Any]:
    held = [_Held(content) for content in contents]
    column = np.empty(len(held), object)
    column[:] = held
    return {"held": column}


class _Tasks(Datasource):  # type: ignore[misc]
    """Tasks as Ray Data reads them: in one process, one after the other, as they are wanted."""

    def __init__(self, tasks: Iterable[tuple[Any, ...]]) -> None:
        super().__init__()
        self._read = partial(_read, tasks, os.getcwd())

    def estimate_inmemory_data_size(self) -> None:
        """Nobody knows."""

    def get_read_tasks(self, *_: Any, **__: Any) -> list[ReadTask]:
        """A single one, which reads them all."""
        return [ReadTask(self._read, BlockMetadata(num_rows=None, size_bytes=None, exec_stats=None))]


def _read(tasks: Iterable[tuple[Any, ...]], folder: str) -> Iterator[Any]:
    os.chdir(folder)
    return (BlockAccessor.batch_to_block(_rows([task])) for task in enumerate(tasks))


class _Attempts:
    """Counts how often each task is begun."""

    def __init__(self) -> None:
        self._begun: Counter[int] = Counter()

    def begin(self, number: int) -> int:
        """How often it was begun before."""
        self._begun[number] += 1
        return self._begun[number] - 1

    def end(self, number: int) -> None:
        """It is done."""
        del self._begun[number]


class _Actor:
    """Does tasks, in the folder where the command was given.

    Args:
        function: does one, and keeps what it loads.
        attempts: an actor of `_Attempts`.
        folder: of the command.
        version: of this package there.
    """

    def __init__(self, function: Callable[..., Any], attempts: Any, folder: str, version: str) -> None:
        self._function, self._attempts, self._unfit = function, attempts, ""
        if version != __version__:
            self._unfit = f"has anime2real {__version__}, not {version}: install the same on all nodes"
        elif not Path(folder).is_dir():
            self._unfit = f"has no folder {folder}: all nodes must see it at the same path"
        else:
            os.chdir(folder)

    def __call__(self, rows: dict[str, Any]) -> dict[str, Any]:
        """Do tasks. A UserError is a result as well: Ray need not try again."""
        return _rows(self._done(*row.content) for row in rows["held"])

    def _done(self, number: int, task: tuple[Any, ...]) -> Any:
        if self._unfit:
            return ClusterError(f"the node {ray.util.get_node_ip_address()} {self._unfit}")
        if ray.get(self._attempts.begin.remote(number)) == ATTEMPTS:
            why = f"{ATTEMPTS} processes were killed at one task, as systems do that run out of memory"
            return ClusterError(f"{why}: take what it is about out: {str(task)[:300]}")
        try:
            return self._function(*task)
        except UserError as error:
            return error
        finally:
            self._attempts.end.remote(number)
