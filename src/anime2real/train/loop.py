"""The one training loop: read status, sample, checkpoint, done?, step.

The order of the pictures and their augmentation are functions of (seed, step), so the same command resumes where a run
stopped; on the CPU the end is bit-equal to that of a run that was never stopped.
"""

import math
import signal
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType

import torch

from anime2real.data.pack import Pack
from anime2real.train import sample_grid
from anime2real.train.accelerated.parity import preflight
from anime2real.train.device import find_device
from anime2real.train.export.run import export_translators
from anime2real.train.method import Method
from anime2real.train.methods.registry import METHODS
from anime2real.train.run import checkpoint
from anime2real.train.run.checkpoint import RunProgress
from anime2real.train.run.config import TrainConfig, TrainError
from anime2real.train.run.folder import OpenRun, RunFolder
from anime2real.train.run.health import DivergedError, check_losses, check_weights
from anime2real.train.run.progress import TrainingReporter
from anime2real.train.run.restore import build
from anime2real.train.run.stats import Stats, need_tensorboard, open_stats
from anime2real.train.sampler import BatchIndices, Sampler
from anime2real.train.selection import annotations, training_rows
from anime2real.train.step import Speed, TrainingStep

RUN_AHEAD = 4
"""Steps that the host may be ahead of the device: enough to hide it, few enough for an honest clock."""


@dataclass(frozen=True)
class Session:
    """What may differ between two sessions of one run.

    Attributes:
        device: `auto`, `cpu`, `cuda`, `cuda:1`, …
        speed: the means to use; `None` for the best that the device has.
        checkpoint_seconds: between checkpoints.
        log_seconds: between lines of stats.jsonl and of progress.
        tensorboard: write events for TensorBoard beside stats.jsonl.
        quiet: no progress on stderr.
    """

    device: str = "auto"
    speed: Speed | None = None
    checkpoint_seconds: float = 120.0
    log_seconds: float = 5.0
    tensorboard: bool = False
    quiet: bool = False


@dataclass
class Status:
    """Where a finished or stopped session left the run."""

    finished: bool
    progress: RunProgress
    bundles: list[Path] = field(default_factory=list)


def train(config: TrainConfig, data: Path, run: Path, session: Session | None = None) -> Status:
    """Train, or resume.

    Args:
        config: what to train; `pack` is filled in here.
        data: the pack.
        run: the run folder.
        session: how, this time.

    Raises:
        PackError: `data` is not a complete pack.
        TrainError: the run folder holds something else or another process trains in it, the device is not there, or
            the losses are no numbers.
    """
    session = session or Session()
    if session.tensorboard:
        need_tensorboard()
    device = find_device(session.device)
    pack = Pack(data)
    config = resolve(config, pack)
    folder = RunFolder(run)
    with folder.open(config, pack.meta) as opened, TrainingReporter(folder, quiet=session.quiet) as report:
        try:
            return _train(opened, pack, folder, session, device, report)
        except OSError as error:
            opened.check()
            raise TrainError(
                f"{error.filename or run}: {error.strerror or error}; once that is mended, the same command resumes"
            ) from error
        except DivergedError as error:
            report(f"diverged: {error}")
            raise


def resolve(config: TrainConfig, pack: Pack) -> TrainConfig:
    """A training with what its options leave to the pack.

    Raises:
        TrainError: an option wants what the pack or the method does not have.
    """
    kind = METHODS[config.method]
    if config.ema_shares and not kind.averaged:
        raise TrainError(f"{config.method} averages no weights: leave --ema-shares out")
    options = kind.resolve(config.options, pack)
    return replace(config, options=options, pack=f"{pack.folder.name}:{pack.digest[:16]}")


def _train(
    opened: OpenRun, pack: Pack, folder: RunFolder, session: Session, device: torch.device, report: TrainingReporter
) -> Status:
    config = opened.config
    speed = session.speed or Speed.best(device)
    facts = folder.note_environment(device, {"speed": vars(speed), "pack": config.pack})
    torch.manual_seed(config.seed)
    if device.type == "cuda":
        torch.cuda.set_device(device)
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
        torch.backends.cudnn.benchmark = True
    method, progress, passed = _method(config, pack, folder, device)
    for line in passed:
        report(line)
    loop = _Loop(opened, pack, folder, session, device, speed, method, progress, report)
    if not loop.done():
        began = "resuming" if progress.step else "training"
        report(f"{began} {config.method} on {facts['hardware']} at {loop.place()}")
        if config.earlier_budgets and progress.step:
            report(loop.extension())
        loop.run()
    if not loop.done():
        report(f"stopped at {loop.place()}; the same command resumes")
        return Status(False, loop.progress)
    bundles = export_translators(method, config, pack.meta, folder.bundles, facts, loop.progress)
    report(f"done: {loop.place()}; bundles in {folder.bundles}")
    return Status(True, loop.progress, bundles)


def _method(
    config: TrainConfig, pack: Pack, folder: RunFolder, device: torch.device
) -> tuple[Method, RunProgress, list[str]]:
    """The method as the run's newest checkpoint has it, or new; a line for each damaged checkpoint passed over."""
    method = build(config.method, config.options, pack.size).to(device)
    if method.wants_hair:
        method.set_hair_colours(pack.hair_colours("anime", "train"))
    method.make_optimizers(config.options.learning_rate)
    method.start_average(len(config.ema_shares))
    progress, passed = checkpoint.load_newest(folder.checkpoints, method)
    if progress.step:
        method.started_from = folder.started_from()
    else:
        method.load_initial_weights()
        if method.started_from:
            method.start_average(len(config.ema_shares))
        folder.note_start(method.started_from)
    return method, progress, passed


class _Loop:
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
        self.batch_size: int = config.options.batch_size
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
        return self.config.budget.progress(self.progress.pairs, self.progress.seconds)

    def place(self) -> str:
        """Where the run is, in words."""
        return f"{self.progress.pairs:,} pairs, {self.progress.seconds / 60:.1f} minutes"

    def extension(self) -> str:
        """What a budget that has become longer means, in a line."""
        line = f"the budget is {self.config.budget} in place of {self.config.earlier_budgets[-1]}"
        if not self.method.optimizers:
            return line
        return (
            f"{line}: the learning rate is that of such a run, {self._learning_rate():.2g} here, and falls to zero "
            "at the new end"
        )

    def run(self) -> None:
        """Train until the budget is used up or a signal asks to stop; ends with a checkpoint."""
        self._preflight()
        training_step = TrainingStep(self.method, self.pictures, self.batch_size, self.speed, *self.annotations)
        ahead: deque[torch.cuda.Event] = deque()
        last_checkpoint = time.perf_counter()
        self.logged = last_checkpoint, self.progress.pairs
        with (
            _stop_requested() as stop,
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
                losses = training_step.step(self._draw(), self._learning_rate(), self._average_weights())
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

    def _learning_rate(self) -> float:
        """Constant, then linear to zero (CycleGAN, appendix 7.1); it rises first where trained weights are loaded."""
        rate: float = self.config.options.learning_rate
        risen = (self.progress.pairs + self.batch_size) / max(self.method.warmup_pairs, self.batch_size)
        return rate * min(1.0, risen, (1.0 - self.used()) / (1.0 - self.method.decay_from))

    def _average_weights(self) -> list[float]:
        """1 - β of each EMA for this batch; half-lives start short, so that untrained weights are forgotten.

        A half-life in proportion to what has been seen is Karras et al., 2024 (EDM2), section 3.1.
        """
        seen, half_life = max(1, self.progress.pairs), self.config.ema_half_life
        first = half_life if self.method.warmup_pairs else min(half_life, 0.05 * seen)
        half_lives = [first, *(share * seen for share in self.config.ema_shares)]
        return [1.0 - math.pow(0.5, self.batch_size / each) for each in half_lives]

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
                "learning_rate": self._learning_rate(),
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


def dry_run(config: TrainConfig, data: Path) -> str:
    """A training as it would be written to config.toml, and how large its networks are; nothing is written.

    Raises:
        PackError: `data` is not a complete pack.
        TrainError: an option wants what the pack or the method does not have.
    """
    pack = Pack(data)
    config = resolve(config, pack)
    method = build(config.method, config.options, pack.size)
    method.load_initial_weights()
    weights = sum(p.numel() for p in method.parameters())
    return f"{config.as_toml()}# {pack.size} px, {pack.meta['counts']}, {weights / 1e6:.1f} M weights"


@contextmanager
def _stop_requested() -> Iterator[list[int]]:
    """A list that is empty until SIGINT or SIGTERM asks to stop; a second SIGINT stops at once."""
    received: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        del frame
        if received and number == signal.SIGINT:
            raise KeyboardInterrupt
        received.append(number)

    try:
        old = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:  # not the main thread: whoever runs us there handles signals
        yield received
        return
    try:
        yield received
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
