"""The processes of one training: one for each GPU, on one machine or many, the same command in all of them.

torchrun starts them and tells each its rank by environment variables. The first process alone writes the run folder:
the others have from it the configuration, the weights and the clock, so that all decide alike. What must agree goes
between the hosts by gloo, what belongs to a step between the devices by NCCL (`joined_batch.py`).

When one process fails, the others lose their connection to it, look up what it said, and end too.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from anime2real.errors import first_line
from anime2real.train import joined_batch
from anime2real.train.device import NoDeviceError, find_device
from anime2real.train.method import Method
from anime2real.train.run.checkpoint import load_moments, moments_of
from anime2real.train.run.config import TrainError

Kind = TypeVar("Kind")

TIMEOUT: Final = timedelta(minutes=10)
"""For one process to wait for the others: longer than any of them writes or compiles alone."""

_FAILURES, _MESSAGE = "anime2real/failures", "anime2real/message"


class PeerError(TrainError):
    """Another process of this training has failed.

    Attributes:
        rank: of the process that heard of it.
        is_told: whether the other has said why, in a line of its own.
    """

    def __init__(self, said: str, rank: int, *, is_told: bool) -> None:
        super().__init__(said)
        self.rank, self.is_told = rank, is_told


@dataclass(frozen=True)
class Processes:
    """The processes that train together, as one of them sees them.

    Attributes:
        device: this one's.
        rank: its number, from 0.
        world_size: how many there are.
        hosts: the group by which the hosts talk, without the devices; None for one process.
        given: whether the caller has formed the process group, and keeps it.
    """

    device: torch.device
    rank: int = 0
    world_size: int = 1
    hosts: Any = field(default=None, repr=False)
    given: bool = False

    @property
    def is_first(self) -> bool:
        """Whether this is the process that writes."""
        return self.rank == 0

    def part_of(self, batch_size: int) -> int:
        """How many pairs of a step's batch each process takes.

        Raises:
            TrainError: they cannot all have as many.
        """
        if batch_size % self.world_size:
            raise TrainError(
                f"a batch of {batch_size} does not divide among {self.world_size} processes: --batch-size is of all "
                f"together, give a multiple of {self.world_size}"
            )
        return batch_size // self.world_size

    def from_first(self, make: Callable[[], Kind]) -> Kind:
        """What `make` returns in the first process, which alone calls it."""
        if self.world_size == 1:
            return make()
        box: list[Any] = [make() if self.is_first else None]
        dist.broadcast_object_list(box, src=0, group=self.hosts)
        made: Kind = box[0]
        return made

    def agree(self, what: str, value: str) -> None:
        """Make sure that all have the same.

        Raises:
            TrainError: one has something else.
        """
        first = self.from_first(lambda: value)
        if first != value:
            raise TrainError(f"{what} is {value} here and {first} in the first process: give all of them the same")

    def clock(self, seconds: float, stop: bool = False) -> tuple[float, bool]:
        """The first process's `seconds`, and whether any of them is to stop."""
        if self.world_size == 1:
            return seconds, stop
        told = torch.tensor([seconds if self.is_first else 0.0, float(stop)], dtype=torch.float64)
        dist.all_reduce(told, group=self.hosts)
        return float(told[0]), bool(told[1])

    def all_of(self, holds: bool) -> bool:
        """Whether something holds in every process."""
        return not self.clock(0.0, not holds)[1]

    def means(self, values: Mapping[str, Tensor]) -> dict[str, float]:
        """The means over the processes of scalars on the device, read from it."""
        if not values:
            return {}
        stacked = joined_batch.mean_of_parts(torch.stack([value.detach().float() for value in values.values()]))
        return dict(zip(values, stacked.tolist(), strict=True))

    def share_state(self, method: Method) -> None:
        """Give every process the first one's networks, averages, buffers and optimizers' moments."""
        if self.world_size == 1:
            return
        for tensor in method.state_dict().values():
            self._share(tensor)
        moments = moments_of(method)
        shapes = self.from_first(lambda: {name: (value.shape, value.dtype) for name, value in moments.items()})
        if not self.is_first:
            moments = {name: torch.empty(shape, dtype=dtype) for name, (shape, dtype) in shapes.items()}
        moments = {name: value.to(self.device) for name, value in moments.items()}
        for tensor in moments.values():
            self._share(tensor)
        if not self.is_first:
            load_moments(method, moments)

    def _share(self, tensor: Tensor) -> None:
        """The first process's numbers in place of this one's."""
        if not tensor.numel():
            return
        dense = tensor.detach().contiguous()
        dist.broadcast(dense, src=0)
        tensor.detach().copy_(dense)

    def leave(self) -> None:
        """Leave the process group: what follows is done by each process alone."""
        if self.world_size > 1 and not self.given and dist.is_initialized():
            with suppress(RuntimeError):
                dist.destroy_process_group()

    def failed(self, error: BaseException) -> BaseException:
        """What to raise for an error here: the first to fail tells all others, which then end by its message."""
        if self.world_size == 1 or isinstance(error, PeerError):
            return error
        said = first_line(error)
        if _is_lost(error):
            said = "another process of the training is gone or does not answer; the same command resumes"
        elif not self.is_first:
            said = f"process {self.rank} of {self.world_size} failed: {said}"
        with suppress(RuntimeError, ValueError):  # where the first process holds the store, it may be gone with it
            store = dist.distributed_c10d._get_default_store()
            if store.add(_FAILURES, 1) > 1:
                store.wait([_MESSAGE], timedelta(seconds=5))
                return PeerError(store.get(_MESSAGE).decode(), self.rank, is_told=True)
            store.set(_MESSAGE, said)
        if _is_lost(error):
            return PeerError(said, self.rank, is_told=False)
        return error if self.is_first else TrainError(said)


def _is_lost(error: BaseException) -> bool:
    """Whether an error is that of a connection to another process."""
    return isinstance(error, dist.DistError) or (isinstance(error, RuntimeError) and "gloo" in str(error))


@contextmanager
def processes(device: str) -> Iterator[Processes]:
    """The processes that were started together; inside, they form a process group.

    A group that the caller has formed, as Ray Train does, is used and left as it is.

    Args:
        device: as `find_device` takes it; `auto` and `cuda` are the GPU of this process's own.

    Raises:
        TrainError: the device is not there, or another process's; another process failed; what was raised inside, in
            one line that says in which process.
    """
    given = dist.is_available() and dist.is_initialized()
    rank, world_size = (dist.get_rank(), dist.get_world_size()) if given else started()
    if world_size == 1:
        yield Processes(find_device(device))
        return
    own = _own_device(device)
    if not given:
        _form(own)
    hosts = dist.group.WORLD if own.type == "cpu" else dist.new_group(backend="gloo", timeout=TIMEOUT)
    together = Processes(own, rank, world_size, hosts, given)
    try:
        yield together
    except (Exception, KeyboardInterrupt) as error:
        raised = together.failed(error)
        if own.type == "cuda" and not given and dist.is_initialized():
            # Kernels may wait for the others for ever: leaving would wait for them.
            dist.distributed_c10d._abort_process_group()
        if raised is error:
            raise
        raise raised from error
    finally:
        together.leave()


def started() -> tuple[int, int]:
    """The rank of this process and how many there are, as torchrun says; (0, 1) where it has not started this one.

    Raises:
        TrainError: what the environment says is no number.
    """
    return _told("RANK", 0), _told("WORLD_SIZE", 1)


def _form(device: torch.device) -> None:
    """Form the process group that the environment describes."""
    if not dist.is_available() or (device.type == "cuda" and not dist.is_nccl_available()):
        raise TrainError("this torch cannot train in several processes: it lacks NCCL or torch.distributed")
    if device.type == "cuda":
        torch.cuda.set_device(device)
    try:
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=TIMEOUT)
    except (ValueError, RuntimeError) as error:
        reason = first_line(error)
        raise TrainError(f"the processes of this training do not find each other ({reason}): use torchrun") from error


def _own_device(name: str) -> torch.device:
    """The device of this process among those of its machine."""
    here, place = _told("LOCAL_WORLD_SIZE", 1), _told("LOCAL_RANK", 0)
    count = torch.cuda.device_count()
    if name in ("auto", "cuda") and count:
        if place >= count:
            raise NoDeviceError(
                f"{here} processes on this machine and {count} GPUs: one process for each (--nproc-per-node {count})"
            )
        return find_device(f"cuda:{place}")
    device = find_device(name)
    if device.type == "cuda" and here > 1 and device.index != place:
        raise NoDeviceError(f"--device {name} for {here} processes: leave it out, and each takes a GPU of its own")
    return device


def _told(variable: str, default: int) -> int:
    """A number that torchrun tells by an environment variable.

    Raises:
        TrainError: it is no number.
    """
    text = os.environ.get(variable, str(default))
    if not text.isdigit():
        raise TrainError(f"the environment's {variable} is {text!r}, no number: unset it, or use torchrun")
    return int(text)
