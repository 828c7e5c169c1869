"""Start a training, or resume it where it stopped, and export what it learned."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from anime2real.data.pack import Pack
from anime2real.image.decode import printable
from anime2real.progress import told_when_stopped
from anime2real.train.device import find_device
from anime2real.train.distributed import PeerError, Processes, processes
from anime2real.train.export.run import export_translators
from anime2real.train.loop import Loop
from anime2real.train.method import Method
from anime2real.train.methods.registry import METHODS
from anime2real.train.need import Need, need_of
from anime2real.train.picture_source import Placing, placing
from anime2real.train.run import checkpoint
from anime2real.train.run.checkpoint import RunProgress
from anime2real.train.run.config import TrainConfig, TrainError, TrainOptionError
from anime2real.train.run.folder import OpenRun, RunFolder
from anime2real.train.run.health import DivergedError
from anime2real.train.run.progress import TrainingReporter
from anime2real.train.run.restore import build
from anime2real.train.run.stats import need_tensorboard
from anime2real.train.session import Session, Status
from anime2real.train.step import Speed


def train(config: TrainConfig, data: Path, run: Path, session: Session | None = None) -> Status:
    """Train, or resume.

    In processes that torchrun has started each calls this with the same arguments, and they train together; the first
    one's `config` counts, and it alone writes.

    Args:
        config: what to train; `pack` is filled in here.
        data: the pack.
        run: the run folder.
        session: how, this time.

    Returns:
        where the run is; its bundles in the first process alone.

    Raises:
        PackError: `data` is not a complete pack.
        TrainError: the run folder holds something else or another process trains in it, the device is not there, the
            losses are no numbers, or the processes do not fit together.
        PeerError: another process has failed.
    """
    session = session or Session()
    if session.tensorboard:
        need_tensorboard()
    folder = RunFolder(run)
    try:
        with processes(session.device) as together:
            pack = Pack(data)
            together.agree("the pack's sum", pack.digest)
            config = together.from_first(partial(resolve, config, pack))
            together.part_of(config.options.batch_size)
            if together.is_first:
                return _write(config, pack, folder, session, together)
            return _train(None, config, pack, folder, session, together, TrainingReporter(None, quiet=True))
    except PeerError as error:
        if error.rank == 0 and folder.checkpoints.exists():
            folder.log(f"stopped: {error}")
        raise


def _write(config: TrainConfig, pack: Pack, folder: RunFolder, session: Session, together: Processes) -> Status:
    """Train as the process that writes the run folder."""
    with folder.open(config, pack.meta) as opened, TrainingReporter(folder, quiet=session.quiet) as report:
        try:
            return _train(opened, opened.config, pack, folder, session, together, report)
        except OSError as error:
            opened.check()
            where = error.filename or folder.root
            raise TrainError(
                f"{where}: {error.strerror or error}; once that is mended, the same command resumes"
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
        raise TrainOptionError(f"{config.method} averages no weights: leave --ema-shares out")
    options = kind.resolve(config.options, pack)
    return replace(config, options=options, pack=f"{pack.folder.name}:{pack.digest[:16]}")


def _train(
    opened: OpenRun | None,
    config: TrainConfig,
    pack: Pack,
    folder: RunFolder,
    session: Session,
    together: Processes,
    report: TrainingReporter,
) -> Status:
    config, device = together.from_first(lambda: config), together.device  # with the budgets that the run had before
    speed = session.speed or Speed.best(device)
    noted = {"speed": vars(speed), "pack": config.pack}
    facts = together.from_first(lambda: folder.note_environment(device, noted, together.world_size))
    torch.manual_seed(config.seed)
    if device.type == "cuda":
        torch.cuda.set_device(device)
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
        torch.backends.cudnn.benchmark = True
    method, progress, passed = _method(config, pack, folder, together)
    for line in passed:
        report(line)
    loop = Loop(opened, config, pack, folder, session, together, speed, method, progress, report)
    if not loop.done():
        began = "resuming" if progress.step else "training"
        report(f"{began} {config.method} on {facts['hardware']} at {loop.place()}")
        if config.earlier_budgets and progress.step:
            report(loop.extension())
        loop.run()
    if not loop.done():
        report(f"stopped at {loop.place()}; the same command resumes")
        return Status(False, loop.progress)
    together.leave()
    if not together.is_first:
        return Status(True, loop.progress)
    with told_when_stopped(lambda: printable(f"{folder.root} is trained; the same command makes its bundles")):
        bundles = export_translators(method, config, pack.meta, folder.bundles, facts, loop.progress)
    report(f"done: {loop.place()}; bundles in {folder.bundles}")
    return Status(True, loop.progress, bundles)


def _method(
    config: TrainConfig, pack: Pack, folder: RunFolder, together: Processes
) -> tuple[Method, RunProgress, list[str]]:
    """The method as the run's newest checkpoint has it, or new; a line for each damaged checkpoint passed over."""
    method = build(config.method, config.options, pack.size).to(together.device)
    if method.wants_hair:
        method.set_hair_colours(pack.hair_colours("anime", "train"))
    method.make_optimizers(config.options.learning_rate)
    method.start_average(len(config.ema_shares))
    progress, passed, method.started_from = together.from_first(partial(_start, method, config, folder))
    together.share_state(method)
    return method, progress, passed


def _start(
    method: Method, config: TrainConfig, folder: RunFolder
) -> tuple[RunProgress, list[str], Sequence[dict[str, Any]]]:
    """Load a method's weights where the run begins or goes on; what its networks started from comes last."""
    progress, passed = checkpoint.load_newest(folder.checkpoints, method)
    if progress.step:
        return progress, passed, folder.started_from()
    method.load_initial_weights()
    if method.started_from:
        method.start_average(len(config.ema_shares))
    folder.note_start(method.started_from)
    return progress, passed, method.started_from


@dataclass(frozen=True)
class DryRun:
    """A training that is not begun.

    Attributes:
        config: resolved.
        data: the pack's folder.
        px: of its pictures.
        counts: of pictures, by domain and split.
        weights: of all networks together.
        placing: where the pictures would lie.
        need: of a step's memory.
    """

    config: TrainConfig
    data: Path
    px: int
    counts: dict[str, dict[str, int]]
    weights: int
    placing: Placing
    need: Need

    def as_record(self) -> dict[str, Any]:
        """For JSON: config, pack, px, counts, weights, pictures, memory."""
        facts = {"pack": str(self.data), "px": self.px, "counts": self.counts, "weights": self.weights}
        facts["pictures"] = {"streamed": self.placing.streams, "gigabytes": self.placing.gigabytes}
        batch = self.config.options.batch_size
        facts["memory"] = {"gigabytes": round(self.need.memory(batch), 1), "by_batch": self.need.table()}
        return {"config": self.config.as_table(), **facts}

    def in_words(self) -> str:
        """Lines that say what would be trained, as comments, and the text of its config.toml."""
        kinds = {"anime": "drawings", "real": "photographs"}
        learned = " and ".join(f"{n.get('train', 0):,} {kinds[domain]}" for domain, n in self.counts.items())
        budget, batch = self.config.budget, self.config.options.batch_size
        time = f"{budget.minutes:g} minutes" if budget.minutes is not None else f"{budget.pairs:,} pairs"
        return (
            f"# {self.config.method} would learn from {learned} of {self.px} px for {time}, {batch} pairs a step;\n"
            f"# its networks have {self.weights / 1e6:.1f} million weights. Nothing was written.\n"
            f"# {self.need.in_words(batch)}.\n"
            f"# {self.placing.in_words()}. Its config.toml:\n\n"
            f"{self.config.as_toml()}"
        )


def dry_run(config: TrainConfig, data: Path, session: Session | None = None) -> DryRun:
    """What a training would be; nothing is written.

    Args:
        config, data, session: as of `train`.

    Raises:
        PackError: `data` is not a complete pack.
        TrainError: an option wants what the pack or the method does not have.
    """
    pack = Pack(data)
    config = resolve(config, pack)
    method = build(config.method, config.options, pack.size)
    method.load_initial_weights()
    session = session or Session()
    device, batch_size = find_device(session.device), config.options.batch_size
    bf16 = (session.speed or Speed.best(device)).bf16
    need = need_of(config.method, config.options, pack.size, bf16=bf16)
    place = placing(pack, method, device, need, batch_size, stream=session.readers is not None)
    weights = sum(p.numel() for p in method.parameters())
    return DryRun(config, data, pack.size, pack.meta["counts"], weights, place, need)
