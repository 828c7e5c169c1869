"""The one training loop: read status, sample, checkpoint, done?, step.

The order of the pictures and their augmentation are functions of (seed, step): on the CPU, the end of a resumed run is
bit-equal to that of one that was never stopped.
"""

import math
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import torch

from anime2real.data.pack import Pack
from anime2real.train import sample_grid
from anime2real.train.accelerated.parity import preflight
from anime2real.train.distributed import Processes
from anime2real.train.method import Method
from anime2real.train.need import need_of
from anime2real.train.picture_source import PictureSource, Resident, placing
from anime2real.train.run import checkpoint
from anime2real.train.run.checkpoint import RunProgress
from anime2real.train.run.config import TrainConfig
from anime2real.train.run.folder import OpenRun, RunFolder
from anime2real.train.run.health import DivergedError, check_losses, check_weights
from anime2real.train.run.progress import TrainingReporter
from anime2real.train.run.stats import Stats, open_stats
from anime2real.train.sampler import BatchIndices, Sampler
from anime2real.train.schedule import Schedule
from anime2real.train.selection import training_rows
from anime2real.train.session import Session
from anime2real.train.signals import stop_requested
from anime2real.train.step import Speed, TrainingStep
from anime2real.train.streaming import Streamed

RUN_AHEAD = 4
"""Steps that the host may be ahead of the device: enough to hide it, few enough for an honest clock."""


@dataclass(frozen=True)
class _Records:
    """What a training writes as it goes: into a run that this process has opened, figures and checkpoints."""

    opened: OpenRun
    stats: Stats
    saver: checkpoint.Saver


class Loop:
    """A training on its way: its networks, its pictures and how far it is."""

    def __init__(
        self,
        opened: OpenRun | None,
        config: TrainConfig,
        pack: Pack,
        folder: RunFolder,
        session: Session,
        processes: Processes,
        speed: Speed,
        method: Method,
        progress: RunProgress,
        report: TrainingReporter,
    ) -> None:
        self.opened, self.config, self.folder, self.session, self.report = opened, config, folder, session, report
        self.method, self.speed, self.progress, self.processes = method, speed, progress, processes
        self.schedule = Schedule(config, method)
        self.batch_size = self.schedule.batch_size
        (drawings, photographs), real_set = training_rows(pack, method, config.seed)
        self.sampler = Sampler(drawings, photographs, self.batch_size, config.seed, real_set, paired=method.wants_pairs)
        self.host_pictures = pack.images
        self.source = self._source(pack)
        # Where the budget has become longer, less of it is used than when the last grid was drawn.
        drawn = min(progress.sampled, math.floor(self.used() * config.samples) + 1)
        self.progress = replace(progress, sampled=drawn)
        rows = sample_grid.chosen_rows(pack, config.seed)
        self.shown, self.known_of_shown = self.source.copied(np.concatenate(list(rows.values())))
        ends = np.cumsum([len(of_domain) for of_domain in rows.values()]).tolist()
        self.shown_rows = {d: np.arange(end - len(rows[d]), end) for d, end in zip(rows, ends, strict=True)}
        now = self._now()
        self.started = now - progress.seconds
        self.logged = now, progress.pairs
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
        with self.source.draws(self._draw, self.progress.step) as draws:
            self._preflight()
            self._run(draws)

    def _run(self, draws: Iterator[BatchIndices]) -> None:
        own_batch, source = self.processes.part_of(self.batch_size), self.source
        training_step = TrainingStep(self.method, source.pictures, own_batch, self.speed, *source.annotations)
        ahead: deque[torch.cuda.Event] = deque()
        last_checkpoint = self._now()
        self.logged = last_checkpoint, self.progress.pairs
        with stop_requested() as stop, self._records() as records:
            losses: dict[str, torch.Tensor] = {}
            stopping = False
            while not self.done() and not stopping:
                if self.method.enter(self.used()):
                    training_step.renew()
                self._sample()
                losses = training_step.step(
                    next(draws), self.schedule.learning_rate(self.progress), self.schedule.ema_weights(self.progress)
                )
                if source.pictures.is_cuda:
                    ahead.append(torch.cuda.Event())
                    ahead[-1].record()
                    if len(ahead) > RUN_AHEAD:
                        ahead.popleft().synchronize()
                now, stopping = self.processes.clock(time.perf_counter(), bool(stop))
                self.progress = replace(
                    self.progress,
                    step=self.progress.step + 1,
                    pairs=self.progress.pairs + self.batch_size,
                    seconds=now - self.started,
                )
                if now - self.logged[0] >= self.session.log_seconds or self.done():
                    self._log(losses, now, records)
                if now - last_checkpoint >= self.session.checkpoint_seconds:
                    self._save(losses, records)
                    last_checkpoint = self._now()
            self._sample()
            self._save(losses, records)
            training_step.renew()  # a graph holds on to what the processes talk by

    def _now(self) -> float:
        """The clock, the same in every process."""
        return self.processes.clock(time.perf_counter())[0]

    @contextmanager
    def _records(self) -> Iterator["_Records | None"]:
        """Where figures and checkpoints go, in the process that writes."""
        if self.opened is None:
            yield None
            return
        step, tensorboard = self.progress.step, self.session.tensorboard
        with (
            open_stats(self.folder.root, step, self.report, tensorboard=tensorboard) as stats,
            checkpoint.Saver(self.folder.checkpoints, step) as saver,
        ):
            yield _Records(self.opened, stats, saver)

    def _save(self, losses: dict[str, torch.Tensor], records: "_Records | None") -> None:
        """A checkpoint of a sound training, in a folder that is still there."""
        if records is not None:
            records.opened.check()
        self._checked(losses)
        if records is not None:
            records.saver.save(self.method, self.progress)

    def _source(self, pack: Pack) -> PictureSource:
        """Where this process's pictures come from, as told in the log."""
        device, batch = self.processes.device, self.processes.part_of(self.batch_size)
        need = need_of(self.config.method, self.config.options, pack.size, bf16=self.speed.bf16)
        place = placing(pack, self.method, device, need, batch, stream=self.session.readers is not None)
        if place.gigabytes:
            self.report(place.in_words())
        if not place.streams:
            return Resident(pack, self.method, device)
        streamed = Streamed(pack, self.method, device, batch, self.session.readers)
        self.report(streamed.told)
        return streamed

    def _draw(self, step: int) -> BatchIndices:
        """This process's part of a step's data."""
        indices = self.sampler.draw(step)
        indices = replace(indices, real=self.method.arrange(indices.anime, indices.real, self.host_pictures))
        return indices.part(self.processes.rank, self.processes.world_size)

    def _sample(self) -> None:
        """Draw the grid whenever another share of the budget is used up."""
        count = self.config.samples
        while self.progress.sampled <= count and self.used() * count >= self.progress.sampled:
            if self.processes.is_first:
                path = self.folder.samples / f"pairs-{self.progress.pairs:09d}.png"
                landmarks, _, _, who, _ = self.known_of_shown
                sample_grid.write_grid(self.method, self.shown, self.shown_rows, path, landmarks, who)
            self.progress = replace(self.progress, sampled=math.floor(self.used() * count) + 1)

    def _preflight(self) -> None:
        """Check that the fast step computes what the plain one does. Retry once; two failures disable acceleration."""
        if self.speed == Speed():
            return
        self.method.enter(1.0)  # everything learns in the last stage
        self._check_parity()
        self.method.enter(self.used())

    def _check_parity(self) -> None:
        for batch in range(2):
            draw = self.source.bring(self._draw(self.progress.step + batch))
            parity = preflight(self.method, self.source.pictures, draw, self.speed, *self.source.annotations)
            self.report(f"preflight: {parity}")
            if self.processes.all_of(parity.holds):
                return
            if batch == 0:
                self.report("preflight does not hold: trying a second batch")
        self.speed = replace(self.speed, fused=False, graph=False, streams=False, early=False)
        self.report("preflight failed: going on without fused kernels, graph capture and streams")

    def _log(self, losses: dict[str, torch.Tensor], now: float, records: "_Records | None") -> None:
        """Read the losses, which waits for the device, and write them down."""
        if records is not None:
            records.opened.check()
        values = self._checked(losses)
        last, pairs = self.logged
        rate = (self.progress.pairs - pairs) / (now - last)
        self.logged = now, self.progress.pairs
        if records is None:
            return
        records.stats.write(
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
        values = self.processes.means(losses)
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
