"""What changes over a training by how much of its budget is used: the learning rate, and how fast EMAs forget."""

import math
from dataclasses import dataclass

from anime2real.train.method import Method
from anime2real.train.run.checkpoint import RunProgress
from anime2real.train.run.config import TrainConfig


@dataclass(frozen=True)
class Schedule:
    """The schedule of a training.

    Attributes:
        config: the training, with its budget.
        method: what is trained; says when its learning rate rises and falls.
    """

    config: TrainConfig
    method: Method

    @property
    def batch_size(self) -> int:
        """Pairs a step."""
        size: int = self.config.options.batch_size
        return size

    def used(self, progress: RunProgress) -> float:
        """Share of the budget that is used, in [0, 1]."""
        return self.config.budget.progress(progress.pairs, progress.seconds)

    def learning_rate(self, progress: RunProgress) -> float:
        """Constant, then linear to zero (CycleGAN, appendix 7.1); it rises first where trained weights are loaded.

        After a head start (`Method.head_start`), in which it is constant, it rises as well.
        """
        rate: float = self.config.options.learning_rate
        used, head_start = self.used(progress), self.method.head_start
        if used < head_start:
            return rate
        since = progress.pairs * (1.0 - head_start / used) if head_start else progress.pairs
        risen = (since + self.batch_size) / max(self.method.warmup_pairs, self.batch_size)
        return rate * min(1.0, risen, (1.0 - used) / (1.0 - self.method.decay_from))

    def ema_weights(self, progress: RunProgress) -> list[float]:
        """1 - β of each EMA for the next batch; half-lives start short, so that untrained weights are forgotten.

        A half-life in proportion to what has been seen is Karras et al., 2024 (EDM2), section 3.1.
        """
        seen, half_life = max(1, progress.pairs), self.config.ema_half_life
        first = half_life if self.method.warmup_pairs else min(half_life, 0.05 * seen)
        half_lives = [first, *(share * seen for share in self.config.ema_shares)]
        return [1.0 - math.pow(0.5, self.batch_size / each) for each in half_lives]
