"""`anime2real train METHOD` and `anime2real export`: options to configurations, and nothing else."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from anime2real.data.pack import Pack
from anime2real.train.export.run import export_translators
from anime2real.train.loop import Session, train
from anime2real.train.methods import METHODS
from anime2real.train.methods.autoencoder import AutoencoderConfig
from anime2real.train.methods.cyclegan import CycleGANConfig
from anime2real.train.methods.difference import DifferenceConfig
from anime2real.train.methods.galatea_options import GalateaConfig
from anime2real.train.methods.ugatit import UGATITConfig
from anime2real.train.run.config import EPOCH_PAIRS, Budget, TrainConfig, TrainError
from anime2real.train.run.folder import RunFolder
from anime2real.train.run.restore import restore
from anime2real.train.step import Speed

PRESETS = {"paper-15": 15.0, "paper-50": 50.0}
"""CycleGAN's: what the founding paper could afford, and what it wanted; epochs of 15,000 pairs."""

app = App(name="train", help="Train a method on a pack; the same command again resumes.")


@Parameter(name="*")
@dataclass(frozen=True)
class Common:
    """What every method's training takes.

    Attributes:
        data: the pack to train on.
        output: the run folder; an existing run resumes.
        minutes: budget in minutes of wall clock.
        epochs: budget in epochs of 15,000 pairs.
        pairs: budget in pairs of pictures.
        steps: budget in iterations.
        seed: of the networks, the order of the pictures and their variation.
        samples: sample grids over the run.
        ema_half_life: pairs after which a weight's share in the running average has halved.
        ema_shares: half-lives of averages beside that one, as shares of the pairs seen so far, given once for
            each; their bundles go to bundles/ema-SHARE.
        device: auto, cpu, cuda, cuda:1.
        checkpoint_seconds: between checkpoints.
        plain: without mixed precision, compiling, graph capture and streams, also on a GPU.
        compile_cache: folder in which compiled code is kept for the next machine of the kind; its files are run.
        dry_run: say what would be trained, and stop.
        quiet: no progress.
    """

    data: Annotated[Path, Parameter(name="--data")]
    output: Annotated[Path, Parameter(name=["--output", "-o"])]
    minutes: float | None = None
    epochs: float | None = None
    pairs: int | None = None
    steps: int | None = None
    seed: int = 0
    samples: int = 12
    ema_half_life: float = 10_000.0
    ema_shares: tuple[float, ...] = ()
    device: str = "auto"
    checkpoint_seconds: float = 120.0
    plain: Annotated[bool, Parameter(negative=())] = False
    compile_cache: Path | None = None
    dry_run: Annotated[bool, Parameter(negative=())] = False
    quiet: Annotated[bool, Parameter(negative=())] = False


def budget_of(method: str, common: Common, options: Any) -> Budget:
    """The budget that was asked for, or the method's own.

    Raises:
        TrainError: if more than one was given.
    """
    given = {k: v for k in ("minutes", "epochs", "pairs", "steps") if (v := getattr(common, k)) is not None}
    if len(given) > 1:
        raise TrainError(f"give one budget, not {' and '.join('--' + key for key in given)}")
    if common.minutes is not None:
        return Budget(minutes=common.minutes)
    if common.pairs is not None:
        return Budget(pairs=common.pairs)
    if common.steps is not None:
        return Budget(pairs=common.steps * options.batch_size)
    if common.epochs is not None:
        return Budget(pairs=round(common.epochs * EPOCH_PAIRS))
    return Budget(pairs=METHODS[method][1].default_pairs)


def start(method: str, common: Common, options: Any) -> int:
    """Train as the command line said; returns the exit code (0, or 130 for a run that was stopped)."""
    config = TrainConfig(
        method,
        options,
        budget_of(method, common, options),
        common.seed,
        common.ema_half_life,
        common.ema_shares,
        common.samples,
    )
    if common.dry_run:
        pack = Pack(common.data)
        kind = METHODS[method][1]
        config = dataclasses.replace(config, options=kind.resolved(options, pack))
        network = kind(config.options, pack.size)  # type: ignore[call-arg]
        network.load_initial_weights()
        weights = sum(p.numel() for p in network.parameters())
        print(f"{config.as_table()}\n{pack.size} px, {pack.meta['counts']}, {weights / 1e6:.1f} M weights")
        return 0
    session = Session(
        common.device,
        Speed() if common.plain else None,
        checkpoint_seconds=common.checkpoint_seconds,
        quiet=common.quiet,
        compile_cache=common.compile_cache,
    )
    return 0 if train(config, common.data, common.output, session).finished else 130


@app.command
def difference(common: Common, options: Annotated[DifferenceConfig | None, Parameter(name="*")] = None) -> int:
    """Method 1: one vector, the difference between the domains."""
    return start("difference", common, options or DifferenceConfig())


@app.command
def autoencoder(common: Common, options: Annotated[AutoencoderConfig | None, Parameter(name="*")] = None) -> int:
    """Method 2: an encoder and a decoder, compared with pictures of the other domain."""
    return start("autoencoder", common, options or AutoencoderConfig())


@app.command
def cyclegan(
    common: Common,
    options: Annotated[CycleGANConfig | None, Parameter(name="*")] = None,
    preset: str | None = None,
) -> int:
    """Method 3: CycleGAN, both directions.

    Args:
        preset: paper-15 or paper-50: epochs of 15,000 pairs.
    """
    options = options or CycleGANConfig()
    if preset is not None:
        if preset not in PRESETS:
            raise TrainError(f"no preset {preset!r}: there are {', '.join(PRESETS)}")
        if common.epochs is not None:
            raise TrainError(f"give --preset {preset} or --epochs, not both")
        common = dataclasses.replace(common, epochs=PRESETS[preset])
    return start("cyclegan", common, options)


@app.command
def galatea(common: Common, options: Annotated[GalateaConfig | None, Parameter(name="*")] = None) -> int:
    """The flagship: cycle translation, judged through pretrained features."""
    return start("galatea", common, options or GalateaConfig())


@app.command
def ugatit(common: Common, options: Annotated[UGATITConfig | None, Parameter(name="*")] = None) -> int:
    """U-GAT-IT: attention and norms that choose, both directions."""
    return start("ugatit", common, options or UGATITConfig())


def export(run: Path, output: Path | None = None) -> list[Path]:
    """Write the bundles of a run as its newest checkpoint stands, finished or not.

    Args:
        run: the run folder.
        output: where the bundles go; the run's own `bundles/` if not given.

    Raises:
        TrainError: if `run` is no run, or has no checkpoint yet.
    """
    restored = restore(run)
    return export_translators(
        restored.method,
        restored.config,
        restored.pack,
        output or RunFolder(run).bundles,
        restored.facts,
        restored.progress,
    )
