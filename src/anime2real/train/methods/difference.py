"""Method 1: the difference vector.

The founding paper's first way: keep one picture-sized vector d. In each of 10,000 iterations take the mean of 100
random pictures of each domain and move d by learning rate × difference. Each thousandth d is kept, and added to the
test pictures. The difference is taken between the real mean and the mean of the *translated* drawings,

    d <- d + lr * (mean(real) - (mean(anime) + d)),

because the same rule without the last term would grow without bound. Its fixed point is the difference of the domain
means, so it can only change the average colour at each place: it is the floor that every other method must beat.
"""

import torch
from torch import Tensor, nn

from anime2real.train.batch import Augment, Batch
from anime2real.train.joined_batch import mean_of_parts
from anime2real.train.method import Method, TrainedTranslator
from anime2real.train.methods.options import DifferenceConfig


class Addition(nn.Module):
    """image -> clamp(image + offset, -1, 1).

    Args:
        offset: (3, S, S), the difference vector in the units of the picture, [-2, 2].
    """

    def __init__(self, offset: Tensor) -> None:
        super().__init__()
        self.register_buffer("offset", offset.detach().clone())
        self.offset: Tensor

    def forward(self, image: Tensor) -> Tensor:
        """Translate image: (N, 3, S, S) in [-1, 1]."""
        return (image + self.offset).clamp(-1.0, 1.0)


class Difference(Method):
    """The running vector, its kept snapshots and the count of iterations.

    Args:
        config: the method's options.
        size: S, pixels a side.
    """

    name = "difference"
    augment = Augment(flip=False, zoom=0.0)  # the paper adds to and averages the pictures as they are

    def __init__(self, config: DifferenceConfig, size: int) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("vector", torch.zeros(3, size, size))
        self.register_buffer("snapshots", torch.zeros(config.snapshots, 3, size, size))
        self.register_buffer("iteration", torch.zeros((), dtype=torch.int64))
        self.vector: Tensor
        self.snapshots: Tensor
        self.iteration: Tensor

    @torch.no_grad()
    def step(self, batch: Batch) -> dict[str, Tensor]:
        """One iteration of the rule above."""
        difference = mean_of_parts(batch.real.float().mean(0) - (batch.anime.float().mean(0) + self.vector))
        self.vector.add_(difference, alpha=self.config.learning_rate)
        self.iteration.add_(1)
        # Written every time, to the slot whose thousand is under way: no host read, and the last write is the snapshot.
        slots = torch.arange(len(self.snapshots), device=self.vector.device)
        current = slots == (self.iteration - 1) // self.config.snapshot_every
        self.snapshots.copy_(torch.where(current[:, None, None, None], self.vector, self.snapshots))
        return {"difference": difference.abs().mean()}

    def translators(self) -> list[TrainedTranslator]:
        """Both directions of the vector, then of each finished snapshot."""
        translators = [
            TrainedTranslator("difference", "anime", "real", Addition(self.vector)),
            TrainedTranslator("difference", "real", "anime", Addition(-self.vector)),
        ]
        every = self.config.snapshot_every
        for kept in range(min(len(self.snapshots), int(self.iteration) // every)):
            offset = self.snapshots[kept]
            name = f"difference-{(kept + 1) * every:05d}"
            translators.append(TrainedTranslator(name, "anime", "real", Addition(offset), final=False))
            translators.append(TrainedTranslator(name, "real", "anime", Addition(-offset), final=False))
        return translators
