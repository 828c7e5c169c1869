"""What `galatea` does when nothing is said, as the pack allows it."""

import json
import tomllib
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import pytest
from toys import QUICK, Toy, stop_at
from trainings import PLAIN, assert_same, with_landmarks

from anime2real.data.pack import Pack
from anime2real.train.methods.galatea import Galatea
from anime2real.train.methods.galatea_options import GalateaConfig, resolved
from anime2real.train.run.config import Budget, TrainConfig, TrainError
from anime2real.train.run.restore import restore_run
from anime2real.train.start import train

SMALL: dict[str, Any] = {"width": 8, "blocks": 2, "projection_width": 8, "patch_width": 8, "batch_size": 2}
COLOURS: dict[str, Any] = {"eye_weight": 1.0, "eye_recolouring": 0.5, "skin_weight": 1.0, "skin_recolouring": 0.5}


@pytest.fixture(scope="module")
def known(haired: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toy pack with hair and landmarks."""
    return with_landmarks(haired, tmp_path_factory.mktemp("known") / "pack")


def test_the_defaults_are_the_whole_recipe(known: Path) -> None:
    options = resolved(GalateaConfig(), Pack(known))
    chosen = {
        "generator": "ugatit",
        "patch_weight": 0.5,
        "worst_patch_weight": 0.2,
        "cam_discriminator_weight": 1.0,
        "detail_weight": 0.5,
        "hair_recolouring": 0.8,
        "hair_weight": 10.0,
        "hair_resampling": 0.35,
        "min_scale": 0.0,
        "learning_rate": 2e-4,
        "batch_size": 8,
    }
    assert {name: value for name, value in asdict(options).items() if name in chosen} == chosen
    assert not any(getattr(options, field.name) is None for field in fields(options))  # config.toml holds no None


def test_what_a_pack_does_not_know_is_left_out(toy: Toy, haired: Path, tmp_path: Path) -> None:
    bare = resolved(GalateaConfig(), Pack(toy.pack))
    assert (bare.detail_weight, bare.hair_recolouring, bare.hair_weight, bare.hair_resampling) == (0, 0, 0, 0)
    assert (bare.worst_patch_weight, bare.cam_discriminator_weight) == (0.2, 1.0)
    hair = resolved(GalateaConfig(), Pack(haired))
    assert (hair.detail_weight, hair.hair_recolouring, hair.hair_weight, hair.hair_resampling) == (0, 0.8, 10.0, 0.35)
    faces = resolved(GalateaConfig(), Pack(with_landmarks(toy.pack, tmp_path / "faces")))
    assert (faces.detail_weight, faces.hair_recolouring, faces.hair_weight, faces.hair_resampling) == (0.5, 0, 0, 0)
    with pytest.raises(TrainError, match="has no landmarks, which detail_weight needs: prepare it with --crop face"):
        resolved(GalateaConfig(detail_weight=0.5), Pack(toy.pack))
    for name, value in COLOURS.items():
        with pytest.raises(TrainError, match=f"has no landmarks, which {name} needs"):
            resolved(GalateaConfig(**{name: value}), Pack(toy.pack))


def test_there_is_no_worst_patch_without_patches(toy: Toy) -> None:
    assert resolved(GalateaConfig(patch_weight=0.0), Pack(toy.pack)).worst_patch_weight == 0


def test_what_is_given_stays(known: Path) -> None:
    for value in (0.0, 0.1):
        given = dict.fromkeys(
            ("worst_patch_weight", "detail_weight", "hair_recolouring", "hair_weight", "hair_resampling"), value
        )
        options = resolved(GalateaConfig(**given), Pack(known))
        assert {name: getattr(options, name) for name in given} == given
    assert resolved(options, Pack(known)) == options


@pytest.mark.parametrize(
    "name", ["cam_weight", "worst_patch_weight", "cam_discriminator_weight", "detail_weight", "hair_weight"]
)
def test_a_weight_below_nothing_is_refused(name: str) -> None:
    with pytest.raises(TrainError, match=f"{name.replace('_', '[-_]')} is 0 or more, not -1"):
        GalateaConfig(**{name: -1.0})  # type: ignore[arg-type]


def test_pictures_too_small_for_the_discriminators_are_refused() -> None:
    with pytest.raises(TrainError, match="galatea wants pictures of at least 32 px, not 16"):
        Galatea(GalateaConfig(**SMALL), 16)


@pytest.mark.usefixtures("_no_bundles")
def test_the_defaults_train_with_all_discriminators_and_resume(
    known: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    came_back = {"returned_share": 1.0, "cycle_cell": 4}
    config = TrainConfig("galatea", GalateaConfig(**SMALL, **COLOURS, **came_back), Budget(pairs=6), samples=1)
    assert train(config, known, tmp_path / "straight", PLAIN).finished
    translators = restore_run(tmp_path / "straight").method.translators()
    assert {one.target: one.redrawn for one in translators} == {"real": True, "anime": False}
    assert all(one.keeps_colours for one in translators)
    losses = json.loads((tmp_path / "straight" / "stats.jsonl").read_text().splitlines()[-1])["losses"]
    assert {
        "cam",
        "worst_patch",
        "cam_discriminator",
        "detail",
        "hair",
        "eyes",
        "skin",
        "discriminator_cam",
        "discriminator_detail",
    } < set(losses)
    with monkeypatch.context() as patch:
        stop_at(patch, 2)
        assert not train(config, known, tmp_path / "resumed", PLAIN).finished
    table = tomllib.loads((tmp_path / "resumed" / "config.toml").read_text())["options"]
    assert (table["worst_patch_weight"], table["detail_weight"]) == (0.2, 0.5)
    assert restore_run(tmp_path / "resumed").config.options == resolved(config.options, Pack(known))
    assert train(config, known, tmp_path / "resumed", PLAIN).finished
    assert_same(tmp_path / "straight", tmp_path / "resumed")


@pytest.mark.usefixtures("_no_bundles")
def test_a_run_by_the_quick_recipe_goes_on_as_it_was_begun(
    known: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And its folder is none of the default recipe's."""
    quick = GalateaConfig(**SMALL | QUICK)
    config = TrainConfig("galatea", quick, Budget(pairs=4), samples=1)
    with monkeypatch.context() as patch:
        stop_at(patch, 1)
        train(config, known, tmp_path, PLAIN)
    assert restore_run(tmp_path).config.options == resolved(quick, Pack(known))
    with pytest.raises(TrainError, match=r"options\.generator 'resnet' there, 'ugatit' here"):
        train(replace(config, options=GalateaConfig(**SMALL)), known, tmp_path, PLAIN)
    assert train(config, known, tmp_path, PLAIN).finished
