"""Presets: each can be trained, and the shipped weights' are what their command lines were."""

import pytest

from anime2real.train.methods.galatea_options import GalateaConfig
from anime2real.train.methods.options import CONFIGS
from anime2real.train.recipes import PRESETS, options_of, parse_settings
from anime2real.train.run.config import TrainError


@pytest.mark.parametrize(("method", "name"), [(method, name) for method in PRESETS for name in PRESETS[method]])
def test_every_preset_is_a_configuration_of_its_method(method: str, name: str) -> None:
    options = options_of(method, name)
    assert type(options) is CONFIGS[method]
    preset = PRESETS[method][name]
    assert preset.pairs >= options.batch_size
    defaults = CONFIGS[method]()
    assert all(getattr(options, key) == value for key, value in preset.options.items())
    assert all(value != getattr(defaults, key) for key, value in preset.options.items()), "what it says is the default"


def test_default_is_the_method_without_options() -> None:
    assert all(options_of(method) == kind() for method, kind in CONFIGS.items())


def test_what_is_given_overrides_a_preset() -> None:
    options = options_of("galatea", "quick", batch_size=3, detail_weight=0.25)
    assert (options.generator, options.batch_size, options.detail_weight) == ("resnet", 3, 0.25)


def test_the_styles_that_ship_can_be_trained_again() -> None:
    options = options_of("galatea", "shipped-2026-11-styles")
    assert options == GalateaConfig(
        generator="resnet",
        cam_discriminator_weight=0.0,
        detail_weight=0.0,
        worst_patch_weight=0.2,
        style_weight=1.0,
        hair_recolouring=0.5,
        hair_weight=5.0,
        hair_resampling=0.5,
        real_set=("anime-256.zip",),
        batch_size=32,
    )
    assert options_of("galatea", "shipped-2026-11-details").soft_scale == 0.45


def test_settings_have_the_types_of_their_options() -> None:
    given = ["cam-weight=10", "generator=resnet", "real_set=a.zip,b.zip", "unshuffle=2", "detail_weight=0.5"]
    assert parse_settings("galatea", given) == {
        "cam_weight": 10.0,
        "generator": "resnet",
        "real_set": ("a.zip", "b.zip"),
        "unshuffle": 2,
        "detail_weight": 0.5,
    }
    assert parse_settings("ugatit", ["light=false"]) == {"light": False}
    assert isinstance(parse_settings("galatea", ["cam_weight=10"])["cam_weight"], float)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("cam_wieght=1", "did you mean cam_weight=VALUE"),
        ("cam_weight", "names no option"),
        ("generator=unet", "one of resnet, ugatit"),
        ("width=wide", "of the type int"),
        ("width=1.5", "of the type int"),
    ],
)
def test_a_setting_that_is_none_is_refused(setting: str, message: str) -> None:
    with pytest.raises(TrainError, match=message):
        parse_settings("galatea", [setting])


@pytest.mark.parametrize(
    ("method", "name", "value", "said"),
    [
        ("cyclegan", "learning_rate", -1.0, "--learning-rate is more than 0, not -1"),
        ("autoencoder", "learning_rate", float("nan"), "--learning-rate is a number, not nan"),
        ("cyclegan", "width", 0, "--width is 1 or more, not 0"),
        ("galatea", "patch_width", 0, "patch_width is 1 or more, not 0"),
        ("ugatit", "batch_size", -2, "--batch-size is 1 or more, not -2"),
        ("difference", "snapshots", 0, "--snapshots is 1 or more, not 0"),
        ("ugatit", "blocks", -1, "--blocks is 0 or more, not -1"),
        ("ugatit", "cam_weight", -1.0, "cam_weight is 0 or more, not -1"),
        ("cyclegan", "cycle_weight", float("inf"), "--cycle-weight is a number, not inf"),
    ],
)
def test_numbers_that_cannot_be_trained_with_are_refused(method: str, name: str, value: float, said: str) -> None:
    with pytest.raises(TrainError, match=f"^{said}$"):
        options_of(method, **{name: value})
