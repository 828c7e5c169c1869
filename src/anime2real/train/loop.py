"""The one training loop: read status, sample, checkpoint, done?, step.

The order of the pictures and their augmentation are functions of (seed, step): on the CPU, the end of a resumed run is
bit-equal to that of one that was never stopped.
"""

import math
import time
from collections import deque
from dataclasses import replace

import torch

from anime2real.data.pack import Pack
from anime2real.train import sample_grid
from anime2real.train.accelerated.parity import preflight
from anime2real.train.method import Method
from anime2real.train.run import checkpoint
from anime2real.train.run.checkpoint import RunProgress
from anime2real.train.run.folder import OpenRun, RunFolder
from anime2real.train.run.health import DivergedError, check_losses, check_weights
from anime2real.train.run.progress import TrainingReporter
from anime2real.train.run.stats import Stats, open_stats
from anime2real.train.sampler import BatchIndices, Sampler
from anime2real.train.schedule import Schedule
from anime2real.train.selection import annotations, training_rows
from anime2real.train.session import Session
from anime2real.train.signals import stop_requested
from anime2real.train.step import Speed, TrainingStep

RUN_AHEAD = 4
"""Steps that the host may be ahead of the device: enough to hide it, few enough for an honest clock."""


class Loop:
    """A training on its way: its networks, its pictures and how far it is."""

    def __init__(
        self,
        opened: OpenRun,
        pack: Pack,
        folder: RunFolder,
        session: Session,
        device: torch.device,
        speed: Speed,
        method: Method,
        progress: RunProgress,
        report: TrainingReporter,
    ) -> None:
        config = opened.config
        self.opened, self.config, self.folder, self.session, self.report = opened, config, folder, session, report
        self.method, self.speed, self.progress = method, speed, progress
        self.schedule = Schedule(config, method)
        self.batch_size = self.schedule.batch_size
        (drawings, photographs), real_set = training_rows(pack, method, config.seed)
        self.sampler = Sampler(drawings, photographs, self.batch_size, config.seed, real_set, paired=method.wants_pairs)
        pack.check()
        self.host_pictures = pack.images
        self.pictures = torch.from_numpy(pack.images).to(device)
        self.annotations = annotations(pack, method, device)
        # Where the budget has become longer, less of it is used than when the last grid was drawn.
        drawn = min(progress.sampled, math.floor(self.used() * config.samples) + 1)
        self.progress = replace(progress, sampled=drawn)
        self.sample_rows = sample_grid.chosen_rows(pack, config.seed)
        self.started = time.perf_counter() - progress.seconds
        self.logged = time.perf_counter(), progress.pairs
        method.enter(self.used())

    def done(self) -> bool:
        """Whether the budget is used up."""
        return self.used() >= 1.0

    def used(self) -> float:
        """Share of the budget used, by the progress that is written down."""
        return self.schedule.used(self.progress)

    def place(self) -> str:
        """Where the run is, in words."""
        return f"{self.progress.pairs:,} pairs, {self.progress.seconds / 60:.1f} minutes"

    def extension(self) -> str:
        """What a budget that has become longer means, in a line."""
        line = f"the budget is {self.config.budget} in place of {self.config.earlier_budgets[-1]}"
        if not self.method.optimizers:
            return line
        rate = self.schedule.learning_rate(self.progress)
        return f"{line}: the learning rate is that of such a run, {rate:.2g} here, and falls to zero at the new end"

    def run(self) -> None:
        """Train until the budget is used up or a signal asks to stop; ends with a checkpoint."""
        self._preflight()
        training_step = TrainingStep(self.method, self.pictures, self.batch_size, self.speed, *self.annotations)
        ahead: deque[torch.cuda.Event] = deque()
        last_checkpoint = time.perf_counter()
        self.logged = last_checkpoint, self.progress.pairs
        with (
            stop_requested() as stop,
            open_stats(
                self.folder.root, self.progress.step, self.report, tensorboard=self.session.tensorboard
            ) as stats,
            checkpoint.Saver(self.folder.checkpoints, self.progress.step) as saver,
        ):
            losses: dict[str, torch.Tensor] = {}
            while not self.done() and not stop:
                if self.method.enter(self.used()):
                    training_step.renew()
                self._sample()
                losses = training_step.step(
                    self._draw(), self.schedule.learning_rate(self.progress), self.schedule.ema_weights(self.progress)
                )
                if self.pictures.is_cuda:
                    ahead.append(torch.cuda.Event())
                    ahead[-1].record()
                    if len(ahead) > RUN_AHEAD:
                        ahead.popleft().synchronize()
                now = time.perf_counter()
                self.progress = replace(
                    self.progress,
                    step=self.progress.step + 1,
                    pairs=self.progress.pairs + self.batch_size,
                    seconds=now - self.started,
                )
                if now - self.logged[0] >= self.session.log_seconds or self.done():
                    self._log(losses, stats)
                if time.perf_counter() - last_checkpoint >= self.session.checkpoint_seconds:
                    self._save(saver, losses)
                    last_checkpoint = time.perf_counter()
            self._sample()
            self._save(saver, losses)

    def _save(self, saver: checkpoint.Saver, losses: dict[str, torch.Tensor]) -> None:
        """A checkpoint of a sound training, in a folder that is still there."""
        self.opened.check()
        self._checked(losses)
        saver.save(self.method, self.progress)

    def _draw(self, ahead: int = 0) -> BatchIndices:
        indices = self.sampler.draw(self.progress.step + ahead)
        return replace(indices, real=self.method.arrange(indices.anime, indices.real, self.host_pictures))

    def _sample(self) -> None:
        """Draw the grid whenever another share of the budget is used up."""
        count = self.config.samples
        while self.progress.sampled <= count and self.used() * count >= self.progress.sampled:
            path = self.folder.samples / f"pairs-{self.progress.pairs:09d}.png"
            landmarks, _, _, who, _ = self.annotations
            sample_grid.draw(self.method, self.pictures, self.sample_rows, path, landmarks, who)
            self.progress = replace(self.progress, sampled=math.floor(self.used() * count) + 1)

    def _preflight(self) -> None:
        """Check that the fast step computes what the plain one does. Retry once; two failures disable acceleration."""
        if self.speed == Speed():
            return
        for batch in range(2):
            parity = preflight(self.method, self.pictures, self._draw(batch), self.speed, *self.annotations)
            self.report(
                f"preflight: gradients differ from fp32 by {parity.fast:.4f}, by rounding alone {parity.rounding:.4f}; "
                f"losses by {parity.losses:.5f}"
            )
            if parity.holds:
                return
            if batch == 0:
                self.report("preflight does not hold: trying a second batch")
        self.speed = replace(self.speed, fused=False, graph=False, streams=False)
        self.report("preflight failed: going on without fused kernels, graph capture and streams")

    def _log(self, losses: dict[str, torch.Tensor], stats: Stats) -> None:
        """Read the losses, which waits for the device, and write them down."""
        self.opened.check()
        values = self._checked(losses)
        now, (last, pairs) = time.perf_counter(), self.logged
        rate = (self.progress.pairs - pairs) / (now - last)
        self.logged = now, self.progress.pairs
        stats.write(
            {
                "step": self.progress.step,
                "pairs": self.progress.pairs,
                "seconds": round(self.progress.seconds, 2),
                "pairs_per_second": round(rate, 2),
                "learning_rate": self.schedule.learning_rate(self.progress),
                "losses": values,
            }
        )
        left = self.progress.seconds / max(self.used(), 1e-9) * (1.0 - self.used())
        text = "  ".join(f"{key} {value:.3f}" for key, value in values.items())
        line = f"{self.used():6.1%}  {self.place()}  {rate:,.1f} pairs/s  {text}  {left / 60:.1f} min left"
        self.report.progress(
            *self.config.budget.counted(self.progress.pairs, self.progress.seconds), f"{rate:,.1f} pairs/s", line
        )

    def _checked(self, losses: dict[str, torch.Tensor]) -> dict[str, float]:
        """The losses, read from the device; an error where the training has diverged."""
        values = {key: float(value) for key, value in losses.items()}
        try:
            check_losses(values)
            check_weights(self.method)
        except DivergedError as error:
            kept = checkpoint.complete(self.folder.checkpoints)
            where = f", the checkpoints from before it are in {self.folder.checkpoints}" if kept else ""
            raise DivergedError(
                f"the training diverged, {error} after {self.progress.pairs:,} pairs: nothing is exported{where}; "
                "lower the learning rate in a new run"
            ) from error
        return values
