"""How networks are told the tilt: what arrives, what does not, and that a mirror negates it."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from toys import SIZE, TINY, Toy
from trainings import PLAIN, faces, with_landmarks

from anime2real.bundle.check import check_translator
from anime2real.bundle.format import read
from anime2real.face.geometry import tilt_of
from anime2real.train.batch import Augment, Batch
from anime2real.train.export.comparison import sample_pictures
from anime2real.train.export.run import export_run
from anime2real.train.methods.cyclegan import CycleGAN
from anime2real.train.networks.resnet import initialise
from anime2real.train.networks.tilt import (
    Conditioned,
    Tilt,
    TiltedDiscriminator,
    TiltedGenerator,
    condition_of,
    mirrored,
    planes,
    rotated,
    tilts,
)
from anime2real.train.networks.tilt_ways import CHANNELS, WAYS, inputs_of
from anime2real.train.random_numbers import RandomNumbers
from anime2real.train.run.config import Budget, TrainConfig, TrainError
from anime2real.train.run.restore import build
from anime2real.train.start import train
from anime2real.train.step import cropped, moved
from anime2real.translator import Translator

TILTED = [way for way in WAYS if way != "none"]


def generator(way: Tilt) -> TiltedGenerator:
    torch.manual_seed(0)
    network = TiltedGenerator(way, 8, 2)
    initialise(network.network, 0.1)
    for name, parameter in network.named_parameters():
        if "modulate" in name:
            torch.nn.init.normal_(parameter, 0.0, 0.3)
    return network


def test_tilt_is_that_of_the_use_side() -> None:
    points = faces(6)
    expected = [tilt_of(p.double().numpy()) for p in points]
    torch.testing.assert_close(tilts(points), torch.tensor(expected, dtype=torch.float32))


@given(st.integers(0, 200))
def test_a_mirror_negates_the_tilt(seed: int) -> None:
    points = faces(3, seed)
    torch.testing.assert_close(tilts(mirrored(points)), -tilts(points), atol=1e-5, rtol=0)
    torch.testing.assert_close(mirrored(mirrored(points)), points)


@pytest.mark.parametrize("turn", [0.0, 0.5])
def test_landmarks_go_where_the_augmentation_takes_the_pixels(turn: float) -> None:
    """A spot drawn at each landmark of the picture is found at the landmark of the varied picture."""
    points = faces(4) * 0.8
    chosen = [[0.2, 0.7, 0.1, 0.9], [0.8, 1.0, 0.6, 0.4], [0.4, 0.0, 0.5, 0.5], [0.9, 0.5, 0.0, 0.2]]
    uniforms = torch.tensor([[*place, angle] for place, angle in zip(chosen, (0.9, 0.0, 0.3, 0.6), strict=True)])
    augment = Augment(zoom=0.3, turn=turn)
    spots = planes("landmarks", points, 64)
    crops = cropped(spots, uniforms, augment)
    where = moved(points, uniforms, augment)
    places = (torch.arange(64) + 0.5) / 32 - 1
    for i in range(4):
        order = (1, 0, 2, 4, 3) if uniforms[i, 0] < 0.5 else range(5)
        for landmark, channel in enumerate(order):
            level = crops[i, channel]
            level = level * (level > 0.2)
            found = torch.stack([(level.sum(0) * places).sum(), (level.sum(1) * places).sum()]) / level.sum()
            torch.testing.assert_close(found, where[i, landmark], atol=0.02, rtol=0)


def test_planes_show_what_they_say() -> None:
    tilt = torch.tensor([0.0, math.pi / 4])
    assert planes("plane", tilt, 8).shape == (2, 1, 8, 8)
    assert planes("plane", tilt, 8)[1].unique().item() == pytest.approx(1)
    coordinates = planes("coordinates", torch.tensor([0.0, math.pi / 2]), 8)
    torch.testing.assert_close(coordinates[0, 0, 0], (torch.arange(8) + 0.5) / 4 - 1)
    # A face tilted by a right angle clockwise: its own x axis runs down the screen.
    torch.testing.assert_close(coordinates[1, 0], coordinates[0, 1], atol=1e-6, rtol=0)
    for way, channels in CHANNELS.items():
        if channels:
            assert planes(way, condition_of(way, faces(2)), 16).shape == (2, channels, 16, 16)


def test_the_papers_plane_leaves_the_output_unchanged() -> None:
    """The founding paper's fourth channel, behind reflection padding and instance norm."""
    network = generator("plane")
    image = sample_pictures(1, 32, 0)
    with torch.no_grad():
        one, two = (network(image, torch.tensor([tilt])) for tilt in (-0.7, 0.9))
    assert (one - two).abs().max() < 1e-4  # rounding: the ways that arrive change it by hundreds of times that


@pytest.mark.parametrize("way", ["coordinates", "landmarks", "film", "upright"])
def test_the_other_ways_arrive(way: Tilt) -> None:
    network = generator(way)
    image = sample_pictures(1, 32, 0)
    with torch.no_grad():
        one, two = (network(image, condition_of(way, points[None])) for points in faces(2))
    assert (one - two).abs().mean() > 1e-3


def test_film_starts_as_the_plain_network() -> None:
    torch.manual_seed(0)
    film = TiltedGenerator("film", 8, 2)
    image = sample_pictures(2, 32, 0)
    torch.testing.assert_close(film(image, torch.tensor([0.5, -0.2])), film(image, torch.zeros(2)))


def test_turning_there_and_back() -> None:
    image = sample_pictures(2, 64, 0)
    image = torch.nn.functional.avg_pool2d(image, 5, 1, 2)
    angle = torch.tensor([0.4, -0.7])
    again = rotated(rotated(image, angle), -angle)
    torch.testing.assert_close(again[:, :, 20:44, 20:44], image[:, :, 20:44, 20:44], atol=0.15, rtol=0)
    quarter = rotated(image, torch.full((2,), math.pi / 2))
    torch.testing.assert_close(quarter, image.rot90(-1, (2, 3)), atol=1e-4, rtol=0)  # clockwise


def test_upright_sees_an_upright_face() -> None:
    """Turning the picture turns the result and nothing else."""
    network = generator("upright")
    image = torch.nn.functional.avg_pool2d(sample_pictures(1, 64, 1), 5, 1, 2)
    angle = torch.tensor([math.pi / 2])
    with torch.no_grad():
        plain = network(image, torch.zeros(1))
        leaning = network(rotated(image, angle), angle)
    torch.testing.assert_close(rotated(plain, angle), leaning, atol=1e-3, rtol=0)


@pytest.mark.parametrize("way", WAYS)
def test_discriminators_take_every_way(way: Tilt) -> None:
    torch.manual_seed(0)
    discriminator = TiltedDiscriminator(way, 8)
    scores = discriminator(sample_pictures(2, SIZE, 0), condition_of(way, faces(2)))
    assert scores.shape == (2, 1, 2, 2)


@pytest.mark.parametrize("way", TILTED)
def test_a_tilted_cyclegan_steps(way: Tilt) -> None:
    torch.manual_seed(0)
    method = CycleGAN(replace(TINY["cyclegan"], tilt=way), SIZE)
    method.make_optimizers(1e-3)
    method.start_average()
    points = faces(4)
    for seed in range(2):  # the second fills the pool and goes through it
        pictures = sample_pictures(4, SIZE, seed)
        batch = Batch(pictures[:2], pictures[2:], RandomNumbers.random(2), points[:2], points[2:])
        losses = method.step(batch)
    assert all(value.isfinite() for value in losses.values())
    method.update_average(torch.tensor([1.0]))
    for product in method.translators():
        assert product.name == f"cyclegan-{way}"
        assert product.conditions == inputs_of(way)
        assert isinstance(product.module, Conditioned)


@pytest.mark.usefixtures("_one_bundle")
@pytest.mark.parametrize("way", TILTED)
def test_a_tilted_training_ends_in_a_translator_that_is_told_the_tilt(way: Tilt, toy: Toy, tmp_path: Path) -> None:
    options = replace(TINY["cyclegan"], tilt=way)
    config = TrainConfig("cyclegan", options, Budget(pairs=4), samples=1)
    pack = with_landmarks(toy.pack, tmp_path / "pack")
    status = train(config, pack, tmp_path / "run", PLAIN)
    assert status.finished
    bundle = read(tmp_path / "run" / "bundles" / f"cyclegan-{way}-anime-to-real")
    assert bundle.conditions == inputs_of(way)
    assert bundle.figures["difference_from_torch"] < 0.02
    file = bundle.model()
    names = [i.name for i in onnxruntime.InferenceSession(file).get_inputs()]
    assert names == ["image", *bundle.conditions] or way == "plane"
    check_translator(file, SIZE, bundle.conditions)
    translator = Translator(bundle)
    pixels = np.random.default_rng(0).integers(0, 256, (2, SIZE, SIZE, 3), np.uint8)
    landmarks = (faces(2).double().numpy() + 1) / 2
    assert translator.translate(pixels, landmarks).shape == pixels.shape


def test_a_pack_without_landmarks_is_refused(toy: Toy, tmp_path: Path) -> None:
    config = TrainConfig("cyclegan", replace(TINY["cyclegan"], tilt="film"), Budget(pairs=4))
    with pytest.raises(TrainError, match="has no landmarks, which tilt needs"):
        train(config, toy.pack, tmp_path / "run", PLAIN)


@pytest.mark.usefixtures("_one_bundle", "_no_bundles")
def test_earlier_methods_pictures_are_further_input_maps(toy: Toy, tmp_path: Path) -> None:
    for name in ("difference", "autoencoder"):
        train(TrainConfig(name, TINY[name], Budget(pairs=8), samples=1), toy.pack, tmp_path / name, PLAIN)
    maps = (str(tmp_path / "difference"), str(tmp_path / "autoencoder"))
    config = TrainConfig("cyclegan", replace(TINY["cyclegan"], maps=maps), Budget(pairs=4), samples=1)
    assert train(config, toy.pack, tmp_path / "run", PLAIN).finished
    assert train(config, toy.pack, tmp_path / "run", PLAIN).finished  # the same command again
    method = build("cyclegan", config.options, SIZE)
    assert isinstance(method, CycleGAN)
    assert method.to_real.network.encoder.stem.convolution.in_channels == 9
    assert not any(p.requires_grad for p in method.to_real.maps.parameters())
    method.make_optimizers(1e-2)
    before = [p.clone() for p in method.to_real.maps.parameters()]
    pictures = sample_pictures(4, SIZE, 0)
    method.step(Batch(pictures[:2], pictures[2:], RandomNumbers.random(2)))
    assert all(torch.equal(a, b) for a, b in zip(before, method.to_real.maps.parameters(), strict=True))
    (folder,) = export_run(tmp_path / "run")
    assert Translator.open(folder).translate(np.zeros((1, SIZE, SIZE, 3), np.uint8)).shape == (1, SIZE, SIZE, 3)


@pytest.mark.usefixtures("_no_bundles")
def test_a_map_of_another_size_is_refused(toy: Toy, tmp_path: Path) -> None:
    train(TrainConfig("difference", TINY["difference"], Budget(pairs=4), samples=1), toy.pack, tmp_path / "d", PLAIN)
    with pytest.raises(TrainError, match="maps must be of its size"):
        build("cyclegan", replace(TINY["cyclegan"], maps=(str(tmp_path / "d"),)), 64)
    with pytest.raises(ValueError, match="maps are the translators"):
        CycleGAN(replace(TINY["cyclegan"], maps=(str(tmp_path / "d"),)), SIZE)
