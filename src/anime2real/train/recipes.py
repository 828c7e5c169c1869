"""The presets of every method: what `train METHOD --preset NAME` stands for. The only place that knows them.

Needs no torch. A preset is told apart from the method's defaults by its options and its budget; options that are given
beside `--preset` override it.
"""

import difflib
import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import UnionType
from typing import Any, Final, Literal, get_args, get_origin, get_type_hints

from anime2real.train.methods.options import CONFIGS, FLAGS
from anime2real.train.run.config import EPOCH_PAIRS, TrainError, options_from

COUNTS: Final = ("batch_size", "snapshot_every", "snapshots")
"""Options of which there is at least one; every width is another."""


@dataclass(frozen=True)
class Preset:
    """What a name stands for.

    Attributes:
        summary: when to take it.
        pairs: the budget where none is given.
        options: those of the method's configuration that differ from its defaults.
    """

    summary: str
    pairs: int
    options: Mapping[str, Any] = field(default_factory=dict)


_PIX2PIX_PAIRS: Final = 200 * 400
"""The published 200 epochs of the 400 facades."""
_PIX2PIXHD_PAIRS: Final = (200 + 100) * 2975
"""The published epochs of Cityscapes' 2,975 pairs: 200 of the global generator, then 100, the enhancer alone in 10."""

_GALATEA_PAIRS: Final = 50 * EPOCH_PAIRS
_FEW_DISCRIMINATORS: Final = {"cam_discriminator_weight": 0.0, "detail_weight": 0.0}
_QUICK: Final = _FEW_DISCRIMINATORS | {"generator": "resnet", "worst_patch_weight": 0.0, "batch_size": 32}
_PEOPLE: Final = {
    "who": True, "expressions": True, "label_weight": 1.0, "mirror_weight": 3.0, "hard_inputs": 0.25,
    "cycle_cell": 8, "returned_share": 0.5, "decoder": "pixels", "mask_margins": True, "min_scale": 0.65,
    "start_from": ("galatea",),
    "eye_weight": 3.0, "eye_recolouring": 0.6, "skin_weight": 4.0, "skin_recolouring": 0.5,
}  # fmt: skip
_SHIPPED_HAIR: Final = {"hair_recolouring": 0.5, "hair_weight": 5.0}
_SHIPPED: Final = _SHIPPED_HAIR | {"min_scale": 0.65, "batch_size": 32}
_SHIPPED_128: Final = _QUICK | _SHIPPED_HAIR | {"hair_resampling": 0.5, "real_set": ("anime-256.zip",)}
_SOFT: Final = _SHIPPED | {"soft_scale": 0.45, "real_set": ("anime-256.zip", "ffhq.zip", "celebamask-256.zip")}

PRESETS: Final[dict[str, dict[str, Preset]]] = {
    "difference": {"default": Preset("the founding paper's 10,000 iterations of 100 pictures", 1_000_000)},
    "autoencoder": {
        "default": Preset("photographs matched to drawings by colour", 15 * EPOCH_PAIRS),
        "random": Preset("the founding paper's: any photograph", 15 * EPOCH_PAIRS, {"pairing": "random"}),
        "thick": Preset(
            "the thicker layers and more epochs that the founding paper wished for", 100 * EPOCH_PAIRS, {"width": 96}
        ),
    },
    "cyclegan": {
        "default": Preset("batches of 16", 15 * EPOCH_PAIRS),
        "paper-15": Preset("the 15 epochs that the founding paper could afford", 15 * EPOCH_PAIRS),
        "paper-50": Preset("the 50 epochs that it wanted", 50 * EPOCH_PAIRS),
        "tilt": Preset(
            "told the tilt of the face; of a pack prepared with --crop tilted",
            15 * EPOCH_PAIRS,
            {"tilt": "coordinates", "turn": 40.0},
        ),
    },
    "galatea": {
        "default": Preset("U-GAT-IT's generator and all discriminators", _GALATEA_PAIRS),
        "quick": Preset("CycleGAN's generator and few discriminators, at 128 px", _GALATEA_PAIRS, _QUICK),
        "people": Preset(
            "what ships: told sex and age, from the weights that ship; of 256 px, in a pack with labels",
            160_000,
            _PEOPLE,
        ),
        "shipped-2026-11": Preset(
            "the first run towards the weights that ship; of 256 px",
            _GALATEA_PAIRS,
            _SHIPPED | _FEW_DISCRIMINATORS | {"hair_resampling": 0.5},
        ),
        "shipped-2026-11-even": Preset(
            "the second, with soft photographs, too", _GALATEA_PAIRS, _SOFT | {"detail_weight": 0.0}
        ),
        "shipped-2026-11-details": Preset("the same with discriminators of eyes and mouth", _GALATEA_PAIRS, _SOFT),
        "shipped-2026-11-128": Preset("what galatea-styles starts from; of 128 px", _GALATEA_PAIRS, _SHIPPED_128),
        "shipped-2026-11-styles": Preset(
            "galatea-styles; of 128 px",
            _GALATEA_PAIRS,
            _SHIPPED_128 | {"worst_patch_weight": 0.2, "style_weight": 1.0},
        ),
    },
    "student": {"default": Preset("from what ships; of 256 px, in a pack with labels", 300_000)},
    "ugatit": {
        "default": Preset("the light version", 1_000_000),
        "full": Preset("the paper's full version, which fits a bundle at 128 px at most", 1_000_000, {"light": False}),
    },
    "pix2pix": {
        "default": Preset("batches of 8", _PIX2PIX_PAIRS),
        "paper": Preset("the paper's batches of 1", _PIX2PIX_PAIRS, {"batch_size": 1}),
    },
    "pix2pixhd": {
        "default": Preset("the published widths in batches of 8", _PIX2PIXHD_PAIRS),
        "paper": Preset(
            "the published widths and schedule: 182 M weights, batches of 1",
            _PIX2PIXHD_PAIRS,
            {"batch_size": 1, "global_share": 2 / 3, "enhancer_share": 1 / 30},
        ),
        "small": Preset(
            "a quarter of the generator's width and eight of its nine blocks, in a bundle of 23 MB",
            _PIX2PIXHD_PAIRS,
            {"width": 16, "blocks": 8},
        ),
    },
}
"""By method, then by name; each method has a `default`."""


def preset_of(method: str, name: str) -> Preset:
    """The preset of that name.

    Raises:
        TrainError: the method has none of that name.
    """
    presets = PRESETS[method]
    if name not in presets:
        raise TrainError(f"{method} has no preset {name!r}: there are {', '.join(presets)}")
    return presets[name]


def options_of(method: str, preset: str = "default", **given: Any) -> Any:
    """A method's configuration by a preset, with the options `given` in place of the preset's.

    Raises:
        TrainError: the preset or an option is not known, or a value is out of its range.
    """
    options = options_from(CONFIGS[method], {**preset_of(method, preset).options, **given})
    check_options(method, options)
    return options


def check_options(method: str, options: Any) -> None:
    """Refuse options that no training can have.

    Raises:
        TrainError: a value is out of its range.
    """
    for name, value in vars(options).items():
        if isinstance(value, int | float):
            _check_range(method, name, value)


def _check_range(method: str, name: str, value: float) -> None:
    """Refuse numbers that no method can be trained with; what one method alone asks for, its configuration checks."""
    shown = f"--{name.replace('_', '-')}" if name in FLAGS[method] else name
    if not math.isfinite(value):
        raise TrainError(f"{shown} is a number, not {value}")
    if name == "learning_rate" and value <= 0:
        raise TrainError(f"{shown} is more than 0, not {value:g}")
    if (name in COUNTS or name.endswith("width")) and value < 1:
        raise TrainError(f"{shown} is 1 or more, not {value:g}")
    if (
        name in ("blocks", "enhancer_blocks", "pool_size", "turn") or name.endswith(("_weight", "_decay"))
    ) and value < 0:
        raise TrainError(f"{shown} is 0 or more, not {value:g}")


def parse_settings(method: str, settings: Sequence[str]) -> dict[str, Any]:
    """The values of `--set NAME=VALUE`, each in the type of the option.

    Raises:
        TrainError: an option is not known, or a value is not of its type.
    """
    kinds = get_type_hints(CONFIGS[method])
    values = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        name = name.strip().replace("-", "_")
        if name not in kinds or not equals:
            near = difflib.get_close_matches(name, kinds, n=1)
            raise TrainError(
                f"--set {setting!r} names no option of {method}"
                + (f": did you mean {near[0]}=VALUE?" if near else f": they are {', '.join(kinds)}")
            )
        values[name] = _value(setting, kinds[name], text.strip())
    return values


def _value(setting: str, kind: Any, text: str) -> Any:
    """Text as a value of an option's type: a number, true or false, a word, or words with commas between them."""
    if get_origin(kind) is tuple:
        return tuple(text.split(",")) if text else ()
    kinds = get_args(kind) if isinstance(kind, UnionType) else (kind,)
    if get_origin(kind) is Literal:
        if text in get_args(kind):
            return text
        raise TrainError(f"--set {setting!r}: it is one of {', '.join(get_args(kind))}")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    if type(value) is int and float in kinds:
        value = float(value)
    if type(value) not in kinds:
        wanted = " or ".join(each.__name__ for each in kinds if each is not type(None))
        raise TrainError(f"--set {setting!r}: its value is of the type {wanted}")
    return value
