"""The one training loop: read status, sample, checkpoint, done?, step.

Data order and variation are functions of (seed, step), so the same command resumes where a run stopped; on the CPU the
end is bit-equal to that of a run that was never stopped.
"""

import json
import math
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType

import numpy as np
import torch
from numpy.typing import NDArray

from anime2real.data.hair_masks import hair_places
from anime2real.data.pack import Pack
from anime2real.train import sample_grid as samples
from anime2real.train.accelerated.compile_cache import compile_cache
from anime2real.train.accelerated.parity import preflight
from anime2real.train.export.run import export_translators
from anime2real.train.method import Method
from anime2real.train.methods import METHODS
from anime2real.train.run import checkpoint
from anime2real.train.run.checkpoint import Progress
from anime2real.train.run.config import TrainConfig, TrainError
from anime2real.train.run.folder import RunFolder
from anime2real.train.sampler import BatchIndices, Sampler, balanced, from_sources, matched
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
        quiet: no progress on stderr.
        compile_cache: where compiled code is kept for the next machine of the kind; nowhere if not given.
    """

    device: str = "auto"
    speed: Speed | None = None
    checkpoint_seconds: float = 120.0
    log_seconds: float = 5.0
    quiet: bool = False
    compile_cache: Path | None = None


@dataclass
class Status:
    """Where a finished or stopped session left the run."""

    finished: bool
    progress: Progress
    bundles: list[Path] = field(default_factory=list)


def train(config: TrainConfig, data: Path, run: Path, session: Session | None = None) -> Status:
    """Train, or resume.

    Args:
        config: what to train; `pack` is filled in here.
        data: the pack.
        run: the run folder.
        session: how, this time.

    Raises:
        PackError: if `data` is not a whole pack.
        TrainError: if the run folder holds something else, the device is not there, or the losses are no numbers.
    """
    session = session or Session()
    device = find_device(session.device)
    speed = session.speed or Speed.best(device)
    pack = Pack(data)
    _, kind = METHODS[config.method]
    if config.ema_shares and not kind.averaged:
        raise TrainError(f"{config.method} averages no weights: leave --ema-shares out")
    options = kind.resolved(config.options, pack)
    config = replace(config, options=options, pack=f"{data.name}:{pack.digest[:16]}")
    folder = RunFolder(run)
    folder.open(config, pack.meta)
    facts = folder.note_environment(device, {"speed": vars(speed), "pack": config.pack})

    torch.manual_seed(config.seed)
    if device.type == "cuda":
        torch.cuda.set_device(device)
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
        torch.backends.cudnn.benchmark = True
    method: Method = kind(options, pack.size).to(device)  # type: ignore[call-arg]
    if method.wants_hair:
        method.set_hair_colours(pack.hair_colours("anime", "train"))
    method.make_optimizers(options.learning_rate)
    method.start_average(len(config.ema_shares))
    progress, passed = checkpoint.load_newest(folder.checkpoints, method)
    if progress.step:
        method.started_from = folder.started_from()
    else:
        method.load_initial_weights()
        if method.started_from:
            method.start_average(len(config.ema_shares))
        folder.note_start(method.started_from)
    say = _Speaker(folder, session.quiet)
    for line in passed:
        say(line)
    loop = _Loop(config, pack, folder, session, device, speed, method, progress, say)
    if not loop.done():
        say(f"{'resuming' if progress.step else 'training'} {config.method} on {facts['hardware']} at {loop.place()}")
        cache = session.compile_cache if speed.compile or speed.fused else None
        label = f"{config.method}-{pack.size}px-batch{config.options.batch_size}"
        with compile_cache(cache, device, label, say) if cache else nullcontext(_nothing) as keep:
            loop.run(keep)
    if not loop.done():
        say(f"stopped at {loop.place()}; the same command resumes")
        return Status(False, loop.progress)
    bundles = export_translators(method, config, pack.meta, folder.bundles, facts, loop.progress)
    say(f"done: {loop.place()}; bundles in {folder.bundles}")
    return Status(True, loop.progress, bundles)


def find_device(name: str) -> torch.device:
    """The device of that name; for `auto` the first CUDA device, else the CPU.

    Raises:
        TrainError: if it is not there.
    """
    if name == "auto":
        return torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name if name != "cuda" else "cuda:0")
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise TrainError(f"no device {name!r} here: {str(error).splitlines()[0]}") from error
    return device


def _nothing() -> None:
    """What is done where nothing is kept."""


def _landmarks(pack: Pack, method: Method, device: torch.device) -> torch.Tensor | None:
    if not method.wants_landmarks:
        return None
    if pack.landmarks is None:
        raise TrainError(f"{pack.folder} has no landmarks, which tilt needs: prepare it with --crop face or tilted")
    return torch.from_numpy(pack.landmarks).to(device)


def _soft(pack: Pack, method: Method, device: torch.device) -> torch.Tensor | None:
    if not method.soft_scale:
        return None
    assert pack.scales is not None  # the method has asked for them
    return torch.from_numpy(pack.scales < method.min_scale).to(device)


def _real_set(pack: Pack, rows: NDArray[np.int64], sources: list[str], method: Method) -> NDArray[np.int64]:
    """Those of a domain's rows (R,) that may be in the real set; an error where none is left."""
    chosen = from_sources(rows, sources, method.real_set)
    min_scale = method.soft_scale or method.min_scale
    chosen = pack.of_scale(chosen, min_scale)
    if not len(chosen):
        domain = pack.index[rows[0]]["domain"]
        option = "--soft-scale" if method.soft_scale else "--min-scale"
        raise TrainError(
            f"no {domain} picture of the real set in {pack.folder} has {min_scale:g} pixels of its file for each of "
            f"its own: ask for a smaller {option}"
        )
    return chosen


def _rows(pack: Pack, method: Method, seed: int) -> tuple[list[NDArray[np.int64]], list[NDArray[np.int64]]]:
    """The training rows of each domain, repeated as they are drawn, and those of the real set, if it is another."""
    there = [pack.rows(domain, "train") for domain in ("anime", "real")]
    if not all(len(rows) for rows in there):
        raise TrainError("the pack has no training pictures of one domain: prepare it with both")
    sources = [pack.sources(rows) for rows in there]
    drawn = [balanced(r, s, method.balance, seed) for r, s in zip(there, sources, strict=True)]
    shown = [_real_set(pack, r, s, method) for r, s in zip(there, sources, strict=True)]
    shown = shown if method.wants_real_set else []
    if method.hair_resampling:
        assert pack.hair is not None  # the method has asked for it
        told = np.array([row for row in there[0] if pack.index[row]["hair"] is not None], np.int64)
        wanted = hair_places(pack.hair, told)
        for both in filter(None, (drawn, shown)):
            both[1] = matched(both[1], hair_places(pack.hair, both[1]), wanted, method.hair_resampling)
    return drawn, shown


class _Loop:
    def __init__(
        self,
        config: TrainConfig,
        pack: Pack,
        folder: RunFolder,
        session: Session,
        device: torch.device,
        speed: Speed,
        method: Method,
        progress: Progress,
        say: "_Speaker",
    ) -> None:
        self.config, self.folder, self.session, self.say = config, folder, session, say
        self.method, self.speed, self.progress = method, speed, progress
        self.batch_size: int = config.options.batch_size
        (drawings, photographs), real_set = _rows(pack, method, config.seed)
        self.sampler = Sampler(drawings, photographs, self.batch_size, config.seed, real_set)
        self.host_pictures = pack.images
        self.pictures = torch.from_numpy(pack.images).to(device)
        self.landmarks = _landmarks(pack, method, device)
        self.hair = torch.from_numpy(pack.hair).to(device) if method.wants_hair and pack.hair is not None else None
        self.soft = _soft(pack, method, device)
        self.sample_rows = samples.chosen_rows(pack, config.seed)
        self.started = time.perf_counter() - progress.seconds

    def done(self) -> bool:
        """Whether the budget is used up."""
        return self.used() >= 1.0

    def used(self) -> float:
        """Share of the budget used, by the progress that is written down."""
        return self.config.budget.progress(self.progress.pairs, self.progress.seconds)

    def place(self) -> str:
        """Where the run is, in words."""
        return f"{self.progress.pairs:,} pairs, {self.progress.seconds / 60:.1f} minutes"

    def run(self, started: Callable[[], None]) -> None:
        """Train until the budget is used up or a signal asks to stop; ends with a checkpoint.

        Args:
            started: called after the first step, when everything is compiled.
        """
        self._preflight()
        training_step = TrainingStep(self.method, self.pictures, self.batch_size, self.speed, *self._known())
        ahead: deque[torch.cuda.Event] = deque()
        last_log = last_checkpoint = time.perf_counter()
        logged_pairs = self.progress.pairs
        first = True
        with (
            _stop_requested() as stop,
            self.folder.stats(self.progress.step) as stats,
            checkpoint.Saver(self.folder.checkpoints) as saver,
        ):
            while not self.done() and not stop:
                self._sample()
                losses = training_step.step(self._draw(), self._learning_rate(), self._average_weights())
                if first:
                    started()
                    first = False
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
                if now - last_log >= self.session.log_seconds or self.done():
                    values = self._checked({key: float(value) for key, value in losses.items()})
                    rate = (self.progress.pairs - logged_pairs) / (time.perf_counter() - last_log)
                    last_log, logged_pairs = time.perf_counter(), self.progress.pairs
                    line = {
                        "step": self.progress.step,
                        "pairs": self.progress.pairs,
                        "seconds": round(self.progress.seconds, 2),
                        "pairs_per_second": round(rate, 2),
                        "learning_rate": self._learning_rate(),
                        "losses": values,
                    }
                    stats.write(json.dumps(line) + "\n")
                    stats.flush()
                    self.say.progress(self._line(rate, values))
                if time.perf_counter() - last_checkpoint >= self.session.checkpoint_seconds:
                    saver.save(self.method, self.progress)
                    last_checkpoint = time.perf_counter()
            self._sample()
            saver.save(self.method, self.progress)

    def _draw(self, ahead: int = 0) -> BatchIndices:
        draw = self.sampler.draw(self.progress.step + ahead)
        return replace(draw, real=self.method.arrange(draw.anime, draw.real, self.host_pictures))

    def _learning_rate(self) -> float:
        """Constant, then linear to zero (CycleGAN, appendix 7.1); where trained weights are taken up it rises first."""
        rate: float = self.config.options.learning_rate
        risen = (self.progress.pairs + self.batch_size) / max(self.method.warmup_pairs, self.batch_size)
        return rate * min(1.0, risen, (1.0 - self.used()) / (1.0 - self.method.decay_from))

    def _average_weights(self) -> list[float]:
        """1 - beta for this batch, of each average; half-lives start short, so that what knew nothing is forgotten.

        A half-life in proportion to what has been seen is Karras et al., 2024, section 3.1.
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
            samples.draw(self.method, self.pictures, self.sample_rows, path, self.landmarks)
            self.progress = replace(self.progress, sampled=math.floor(self.used() * count) + 1)

    def _known(self) -> tuple[torch.Tensor | None, ...]:
        """What is known of the pictures, in the order in which `TrainingStep` and `preflight` take it."""
        return self.landmarks, self.hair, self.soft

    def _preflight(self) -> None:
        """Go on fast only if that computes the same; a batch that fails may be bad luck, two are none."""
        if self.speed == Speed():
            return
        for batch in range(2):
            parity = preflight(self.method, self.pictures, self._draw(batch), self.speed, *self._known())
            self.say(
                f"preflight: gradients differ from fp32 by {parity.fast:.4f}, by rounding alone {parity.rounding:.4f}; "
                f"losses by {parity.losses:.5f}"
            )
            if parity.holds:
                return
            if batch == 0:
                self.say("preflight does not hold: asking a second batch")
        self.speed = replace(self.speed, fused=False, compile=False, graph=False, streams=False)
        self.say("preflight failed: going on without kernels of our own, compiling, graph and streams")

    def _checked(self, losses: dict[str, float]) -> dict[str, float]:
        for name, value in losses.items():
            if not math.isfinite(value):
                raise TrainError(
                    f"the loss {name!r} is {value} after {self.progress.pairs:,} pairs: lower the learning rate in a "
                    f"new run (checkpoints in {self.folder.checkpoints})"
                )
        return losses

    def _line(self, rate: float, losses: dict[str, float]) -> str:
        left = self.progress.seconds / max(self.used(), 1e-9) * (1.0 - self.used())
        text = "  ".join(f"{key} {value:.3f}" for key, value in losses.items())
        return f"{self.used():6.1%}  {self.place()}  {rate:,.1f} pairs/s  {text}  {left / 60:.1f} min left"


class _Speaker:
    """Says things to log.txt and, unless quiet, to stderr; progress overwrites itself on a terminal."""

    def __init__(self, folder: RunFolder, quiet: bool) -> None:
        self._folder, self._quiet = folder, quiet
        self._open = False

    def __call__(self, line: str) -> None:
        self._folder.log(line)
        if not self._quiet:
            print(("\n" if self._open else "") + line, file=sys.stderr, flush=True)
        self._open = False

    def progress(self, line: str) -> None:
        """A line that the next one replaces."""
        self._folder.log(line)
        if self._quiet:
            return
        terminal = sys.stderr.isatty()
        print(f"\r{line}\x1b[K" if terminal else line, end="" if terminal else "\n", file=sys.stderr, flush=True)
        self._open = terminal


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
