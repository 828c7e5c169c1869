"""What a step on several GPUs needs of all of them, so that it computes what one process would on the joined batch.

Process r of W has places r, r + W, r + 2W, … of the step's batch. Losses are means over pictures, so that the mean of
the processes' gradients is the gradient of the joined batch: one all-reduce of one buffer before each optimizer step,
and of large gradients while the backward pass goes on.
What else looks beyond a picture asks here. With one process every function returns what it was given, and nothing is
sent. On a GPU all of it is captured in the step's graph.
"""

from collections.abc import Sequence
from typing import Any, Final

import torch
import torch.distributed as dist
from torch import Tensor

LARGE: Final = 2**20
"""Weights of a parameter from which on its gradient is worth a message of its own: 4 MB in fp32."""


def world_size() -> int:
    """W, the processes that train together; 1 where nobody has started a process group."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """r, which of them this is, from 0."""
    return dist.get_rank() if world_size() > 1 else 0


def places(count: int, device: torch.device) -> Tensor:
    """Where this process's `count` pictures stand in the step's batch: (count,) int64."""
    return rank() + world_size() * torch.arange(count, device=device)


def part(whole: Tensor) -> Tensor:
    """This process's part (N, …) of what is known of the step's batch (N·W, …)."""
    return whole if world_size() == 1 else whole[rank() :: world_size()]


def joined(own: Tensor) -> Tensor:
    """What every process has of its part (N, …), in the batch's order: (N·W, …), without gradients."""
    if world_size() == 1:
        return own
    parts = own.new_empty(world_size(), *own.shape)
    dist.all_gather(list(parts.unbind()), own.detach().contiguous())
    return parts.transpose(0, 1).flatten(0, 1)


def mean_of_parts(own: Tensor) -> Tensor:
    """The mean over the processes of a tensor that each has, without gradients."""
    if world_size() == 1:
        return own
    total = own.detach().clone()
    dist.all_reduce(total)
    return total / world_size()


def joined_mean(total: Tensor, count: Tensor) -> Tensor:
    """A sum over the batch's pictures divided by how many count, as this process's share of the joined batch's mean.

    The mean of the shares is the joined batch's mean, and so are their gradients; 0 where none counts.

    Args:
        total, count: scalars of this process's part.
    """
    if world_size() == 1:
        return total / count.clamp_min(1.0)
    mean_total, mean_count = mean_of_parts(torch.stack([total, count]))
    least = mean_count.clamp_min(1.0 / world_size())
    share: Tensor = total / least
    if count.requires_grad:  # the quotient's rule, by the counts of all
        share = share - mean_total / least.square() * (count - count.detach()) * (mean_count >= least)
    return share


def _mean_or_sum() -> dist.ReduceOp.RedOpType:
    """NCCL takes means itself, gloo does not."""
    return dist.ReduceOp.AVG if dist.get_backend() == "nccl" else dist.ReduceOp.SUM


class JoinedGradients:
    """Gives an optimizer the gradients of the joined batch: before each step one all-reduce of one flat buffer.

    The buffer is made at the first step and stays where it is, so that a captured graph finds it. With `early` the
    gradients of `LARGE` weights and more do not go into it: each is sent as soon as the backward pass has it, while
    the pass goes on, in an order that is the same in all processes.

    Args:
        optimizer: of parameters of one type on one device, of which one backward pass gives all gradients.
        early: send large gradients during that pass.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, *, early: bool = False) -> None:
        self._parameters: list[Tensor] = []
        self._flat = torch.empty(0)
        self._views: list[Tensor] = []
        everything = [p for group in optimizer.param_groups for p in group["params"]]
        # A backward pass comes to the last ones first.
        self._early = [p for p in reversed(everything) if early and p.numel() >= LARGE]
        self._there: set[int] = set()
        self._sent: list[tuple[Tensor, Any]] = []
        for parameter in self._early:
            parameter.register_post_accumulate_grad_hook(self._arrived)
        optimizer.register_step_pre_hook(self._join)

    @torch.no_grad()
    def _arrived(self, parameter: Tensor) -> None:
        """Send what has no predecessor that is still to come."""
        self._there.add(id(parameter))
        while len(self._sent) < len(self._early) and id(self._early[len(self._sent)]) in self._there:
            self._send(self._early[len(self._sent)])

    def _send(self, parameter: Tensor) -> None:
        """Start to make a gradient the mean over the processes."""
        grad = parameter.grad
        if grad is None:  # another stage of training
            self._sent.append((parameter, None))
            return
        if grad.stride() != parameter.stride():
            grad = parameter.grad = torch.empty_like(parameter, requires_grad=False).copy_(grad)
        flat = grad.as_strided((grad.numel(),), (1,))
        self._sent.append((flat, dist.all_reduce(flat, op=_mean_or_sum(), async_op=True)))

    @torch.no_grad()
    def _join(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        while len(self._sent) < len(self._early):
            self._send(self._early[len(self._sent)])
        early = {id(parameter) for parameter in self._early}
        everything = [p for group in optimizer.param_groups for p in group["params"] if id(p) not in early]
        learning = [p for p in everything if p.grad is not None]
        if [id(p) for p in learning] != [id(p) for p in self._parameters]:  # another stage of training
            self._allocate(learning)
        means = []
        for gradient, sending in self._sent:
            if sending is not None:
                sending.wait()
                means.append(gradient)
        if learning:
            torch._foreach_copy_(self._views, [p.grad for p in learning])
            dist.all_reduce(self._flat, op=_mean_or_sum())
            means.append(self._flat)
        self._there, self._sent = set(), []
        if means and _mean_or_sum() == dist.ReduceOp.SUM:
            torch._foreach_div_(means, world_size())
        for parameter, view in zip(learning, self._views, strict=True):
            parameter.grad = view

    def _allocate(self, parameters: Sequence[Tensor]) -> None:
        """One buffer for the gradients, each laid out in it as its parameter is."""
        self._parameters = list(parameters)
        self._views = []
        if not parameters:
            return
        sizes = [parameter.numel() for parameter in parameters]
        self._flat = torch.empty(sum(sizes), device=parameters[0].device)
        place = 0
        for parameter, size in zip(parameters, sizes, strict=True):
            self._views.append(self._flat.as_strided(parameter.shape, parameter.stride(), place))
            place += size
