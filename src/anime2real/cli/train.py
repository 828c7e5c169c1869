"""`anime2real train METHOD`: options to configurations, and nothing else.

A method's options are made from its configuration (`train/methods/options.py`), which needs no torch: help and usage
errors are answered without it.
"""

import dataclasses
import inspect
import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final, get_type_hints

from cyclopts import App, Parameter

from anime2real.cli.extras import TRAIN, need_extra
from anime2real.cli.options import There
from anime2real.errors import UsageError
from anime2real.progress import tell
from anime2real.train.methods.options import CONFIGS, FLAGS
from anime2real.train.recipes import PRESETS, options_of, parse_settings, preset_of
from anime2real.train.run.config import EPOCH_PAIRS, Budget, TrainConfig, TrainError

app = App(name="train", help=TRAIN, default_parameter=Parameter(negative=()))

_LINE_GOES_ON: Final = re.compile(r"\n {8,}")

SUMMARIES: Final = {
    "difference": "Method 1: one vector, the difference between the domains.",
    "autoencoder": "Method 2: an encoder and a decoder, compared with pictures of the other domain.",
    "cyclegan": "Method 3: CycleGAN, both directions.",
    "galatea": "The flagship: cycle translation with discriminators on pretrained features.",
    "student": "Learns in one pass what galatea makes in three: drawings to people, or the other way.",
    "ugatit": "U-GAT-IT: attention and norms that choose, both directions.",
    "pix2pix": "pix2pix: drawings or label maps and their photographs, in pairs.",
    "pix2pixhd": "pix2pixHD: the same, coarse to fine, with discriminators at three scales.",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Common:
    """What every method's training takes.

    Attributes:
        data: the pack to train on.
        output: the run folder; an existing run resumes, and goes on beyond its end if the budget is a longer one.
        preset: what the options below are unless given.
        setting: NAME=VALUE of an option that has no place below; see --dry-run for all of them.
        minutes: budget in minutes of wall clock.
        epochs: budget in epochs of 15,000 pairs.
        pairs: budget in pairs of pictures.
        steps: budget in iterations.
        seed: of the networks, the order of the pictures and their augmentation.
        ema_half_life: pairs after which a weight's share in the exponential moving average (EMA) has halved.
        ema_shares: half-lives of further EMAs, as shares of the pairs seen so far, given once for each; their bundles
            go to bundles/ema-SHARE.
        device: auto, cpu, cuda, cuda:1.
        plain: without mixed precision, fused kernels, graph capture and streams, also on a GPU.
        readers: processes that read pictures as the steps need them, also where all of them fit into the device's
            memory; where they do not, that is done anyway, by a process less than there are cores, 16 at most.
        tensorboard: write events for TensorBoard beside stats.jsonl. Needs the extra `tensorboard`.
        dry_run: say what would be trained, print the whole configuration, and stop.
        as_json: print that as a line of JSON.
        quiet: no progress.
    """

    data: Annotated[Path, Parameter(name="--data"), There]
    output: Annotated[Path, Parameter(name=["--output", "-o"])]
    preset: str = "default"
    setting: Annotated[tuple[str, ...], Parameter(name="--set", show_default=False)] = ()
    minutes: float | None = None
    epochs: float | None = None
    pairs: int | None = None
    steps: int | None = None
    seed: int = 0
    ema_half_life: float = 10_000.0
    ema_shares: Annotated[tuple[float, ...], Parameter(show_default=False)] = ()
    device: str = "auto"
    plain: bool = False
    readers: int | None = None
    tensorboard: bool = False
    dry_run: bool = False
    as_json: Annotated[bool, Parameter(name="--json")] = False
    quiet: bool = False


def budget_of(method: str, common: Common, options: Any) -> Budget:
    """The budget that was asked for, or the preset's.

    Raises:
        TrainError: if more than one was given.
    """
    given = {k: v for k in ("minutes", "epochs", "pairs", "steps") if (v := getattr(common, k)) is not None}
    if common.readers is not None and common.readers < 0:
        raise TrainError(f"--readers is 0 or more, not {common.readers}")
    if len(given) > 1:
        raise TrainError(f"give one budget, not {' and '.join('--' + key for key in given)}")
    if common.minutes is not None:
        return Budget(minutes=common.minutes)
    if common.pairs is not None:
        return Budget(pairs=common.pairs)
    if common.steps is not None:
        return Budget(pairs=common.steps * options.batch_size)
    if common.epochs is not None:
        if not math.isfinite(common.epochs):
            raise TrainError(f"--epochs is a number, not {common.epochs}")
        return Budget(pairs=round(common.epochs * EPOCH_PAIRS))
    return Budget(pairs=preset_of(method, common.preset).pairs)


def config_of(method: str, common: Common, given: dict[str, Any]) -> TrainConfig:
    """The training that a command line asks for; `given` are the method's options that it names.

    Raises:
        UsageError: an option or the preset is not known, or a value is out of its range.
    """
    try:
        options = options_of(method, common.preset, **parse_settings(method, common.setting), **given)
        return TrainConfig(
            method=method,
            options=options,
            budget=budget_of(method, common, options),
            seed=common.seed,
            ema_half_life=common.ema_half_life,
            ema_shares=common.ema_shares,
        )
    except TrainError as error:
        raise UsageError(str(error)) from error


def start(method: str, common: Common, given: dict[str, Any]) -> int:
    """Train as the command line said; returns the exit code (0, or 130 for a run that was stopped)."""
    config = config_of(method, common, given)
    need_extra("train", "training")
    from anime2real.train.device import find_device
    from anime2real.train.distributed import PeerError, started
    from anime2real.train.session import Session
    from anime2real.train.start import dry_run, train
    from anime2real.train.step import Speed

    lines: list[str] = []
    rank, world_size = started()
    if rank == 0 and find_device(common.device).type == "cpu":  # the others go by the first process's configuration
        config, lines = _fitted(config, method, common, given, world_size)
    session = Session(
        device=common.device,
        speed=Speed() if common.plain else None,
        tensorboard=common.tensorboard,
        quiet=common.quiet,
        readers=common.readers,
    )
    if common.as_json and not common.dry_run:
        raise UsageError("--json is for --dry-run: a training writes stats.jsonl")
    if common.dry_run and rank:
        return 0
    if common.dry_run:
        planned = dry_run(config, common.data, session)
        words = "\n".join((planned.in_words(), *(f"# {line}" for line in lines)))
        print(json.dumps(planned.as_record()) if common.as_json else words)
        return 0
    if not common.quiet:
        for line in lines:
            tell(line)
    try:
        return 0 if train(config, common.data, common.output, session).finished else 130
    except PeerError as error:
        if not error.is_told:
            raise
        return 1


def _fitted(
    config: TrainConfig, method: str, common: Common, given: dict[str, Any], world_size: int
) -> tuple[TrainConfig, list[str]]:
    """The training with a batch that fits the machine's memory, where none was asked for, and what to tell of it.

    A run that has begun keeps its batch; of several processes nobody knows which share a memory.
    """
    from anime2real.data.pack import Pack
    from anime2real.train.need import free_gigabytes, memory_notes, need_of
    from anime2real.train.run.folder import RunFolder

    asked, free = config.options.batch_size, free_gigabytes()
    need = need_of(method, config.options, Pack(common.data).size)
    if "batch_size" not in {**given, **parse_settings(method, common.setting)}:
        batch_size = RunFolder(common.output).batch_size() or (asked if world_size > 1 else need.fitting(asked, free))
        config = config_of(method, common, {**given, "batch_size": batch_size})
    return config, [] if world_size > 1 else memory_notes(need, config.options.batch_size, asked, free)


def command_of(method: str) -> Callable[..., int]:
    """The command that trains a method: the common options, then the method's, none of them positional."""
    common = {field.name: field for field in dataclasses.fields(Common)}

    def command(**given: Any) -> int:
        shared = {name: given.pop(name) for name in list(given) if name in common}
        return start(method, Common(**shared), {name: value for name, value in given.items() if value is not None})

    presets = "; ".join(f"{name}: {preset.summary}" for name, preset in PRESETS[method].items())
    told = inspect.cleandoc(Common.__doc__ or "").partition("Attributes:\n")[2]
    told = _LINE_GOES_ON.sub(" ", told.replace("unless given.", f"unless given. {presets}."))
    vars(command)["__signature__"] = inspect.Signature([*_parameters(Common), *_parameters(CONFIGS[method], method)])
    command.__name__ = method
    command.__doc__ = f"{SUMMARIES[method]}\n\nArgs:\n{told}\n{_told_of(CONFIGS[method])}"
    return command


def _told_of(kind: type[Any]) -> str:
    """What docstrings say of the options of a configuration, a line each; its own words stand before inherited ones."""
    lines: dict[str, str] = {}
    for each in reversed(kind.__mro__):
        attributes = inspect.cleandoc(each.__doc__ or "").partition("Attributes:\n")[2]
        for line in _LINE_GOES_ON.sub(" ", attributes).splitlines():
            lines[line.partition(":")[0]] = line
    return "\n".join(lines.values())


def _parameters(kind: type[Any], method: str | None = None) -> list[inspect.Parameter]:
    """The fields of a configuration as keyword parameters; a method's say whether they were given at all."""
    hints = get_type_hints(kind, include_extras=True)
    parameters = []
    for field in dataclasses.fields(kind):
        if method is not None and field.name not in FLAGS[method]:
            continue
        default = inspect.Parameter.empty if field.default is dataclasses.MISSING else field.default
        annotation = hints[field.name]
        if method is not None:
            # None tells that it was not given, so that a preset decides; help shows the method's own default.
            said = (" ".join(default) if isinstance(default, tuple) else str(default)) if default is not None else None
            annotation = Annotated[annotation | None, Parameter(show_default=_shown(said) if said else False)]
            default = None
        elif default is False:
            annotation = Annotated[annotation, Parameter(show_default=False)]
        parameters.append(
            inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        )
    return parameters


def _shown(said: str) -> Callable[[Any], str]:
    return lambda _: said


for _method in CONFIGS:
    app.command(command_of(_method), name=_method, default_parameter=Parameter(negative=(), consume_multiple=True))
