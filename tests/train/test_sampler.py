"""Which pictures a step sees, how often, and what is cut out of them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from toys import SIZE, TINY, Toy

from anime2real.data.pack import Pack
from anime2real.train.batch import Augment
from anime2real.train.methods.galatea_options import GalateaConfig
from anime2real.train.random_numbers import CROP
from anime2real.train.run.config import Budget, TrainConfig, TrainError
from anime2real.train.sampler import Sampler, balanced
from anime2real.train.session import Session
from anime2real.train.start import train
from anime2real.train.step import cropped


def test_zoom_mirrors_and_never_leaves_the_picture() -> None:
    ramp = torch.linspace(-1, 1, SIZE).expand(2, 3, SIZE, SIZE)
    uniforms = torch.tensor([[0.2, 0.0, 0.5, 0.5, 0.3], [0.8, 1.0, 0.0, 1.0, 0.9]])
    crops = cropped(ramp, uniforms, Augment(zoom=0.5))
    torch.testing.assert_close(crops[0], ramp[0].flip(2), atol=1e-5, rtol=0)
    assert crops[1].min() >= -1
    assert crops[1, 0, 0, -1] < 0.05  # the left half
    torch.testing.assert_close(cropped(ramp, uniforms, Augment(flip=False, zoom=0.0)), ramp, atol=1e-5, rtol=0)


def test_a_crop_keeps_most_of_the_detail() -> None:
    random = np.random.default_rng(0)
    image = torch.from_numpy(random.uniform(-0.9, 0.9, (16, 3, 48, 48)).astype(np.float32))
    crops = cropped(image, torch.from_numpy(random.random((16, CROP), np.float32)), Augment(uncropped=0.0))
    assert crops.abs().max() <= 1
    # Bilinear ones keep half of the variance of noise, since a pixel lies anywhere between four.
    assert crops.var() > 0.6 * image.var()


def test_a_share_of_pictures_is_shown_whole() -> None:
    random = np.random.default_rng(1)
    image = torch.from_numpy(random.uniform(-1, 1, (64, 3, 16, 16)).astype(np.float32))
    uniforms = torch.from_numpy(random.random((64, CROP), np.float32))
    crops = cropped(image, uniforms, Augment(flip=False, zoom=0.3, uncropped=0.5))
    whole = uniforms[:, 1] < 0.5
    torch.testing.assert_close(crops[whole], image[whole], atol=1e-4, rtol=0)
    assert ((crops - image).abs().amax((1, 2, 3))[uniforms[:, 1] > 0.6] > 0.1).all()


def test_a_sampler_sees_every_picture_once_an_epoch_and_only_depends_on_the_step() -> None:
    anime, real = np.arange(10, 17), np.arange(20, 31)
    sampler = Sampler(anime, real, 3, seed=5)
    draws = [sampler.draw(i) for i in range(77)]
    for domain, rows in (("anime", anime), ("real", real)):
        seen = np.concatenate([getattr(d, domain) for d in draws])
        for epoch in range(len(seen) // len(rows)):
            assert sorted(seen[epoch * len(rows) : (epoch + 1) * len(rows)]) == list(rows)
    again = Sampler(anime, real, 3, seed=5).draw(40)
    assert np.array_equal(again.anime, draws[40].anime)
    assert np.array_equal(again.numbers, draws[40].numbers)
    assert not np.array_equal(Sampler(anime, real, 3, seed=6).draw(40).numbers, again.numbers)


@pytest.mark.parametrize(("balance", "counts"), [(0.0, [100, 25, 4]), (0.5, [100, 50, 20]), (1.0, [100, 100, 100])])
def test_small_sources_are_drawn_more_often(balance: float, counts: list[int]) -> None:
    rows = np.arange(300, 429)
    sources = ["large.zip"] * 100 + ["middle.zip"] * 25 + ["small.zip"] * 4
    drawn = balanced(rows, sources, balance, seed=3)
    assert [
        int(((drawn >= low) & (drawn < high)).sum()) for low, high in ((300, 400), (400, 425), (425, 429))
    ] == counts
    # Within a source, pictures differ by one drawing at most, and none is left out.
    for low, high in ((300, 400), (400, 425), (425, 429)):
        times = np.bincount(drawn)[low:high]
        assert times.min() >= 1
        assert times.max() - times.min() <= 1
    assert np.array_equal(drawn, balanced(rows, sources, balance, seed=3))
    with pytest.raises(ValueError, match="balance"):
        balanced(rows, sources, 1.5, seed=3)


@pytest.mark.usefixtures("_no_bundles")
def test_the_loop_draws_as_the_method_balances(toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float] = []

    def noted(rows: NDArray[np.int64], sources: list[str], balance: float, seed: int) -> NDArray[np.int64]:
        asked.append(balance)
        assert set(sources) == {"anime", "real"} & set(sources)
        return balanced(rows, sources, balance, seed)

    monkeypatch.setattr("anime2real.train.selection.balanced", noted)
    options = replace(TINY["galatea"], balance=0.75)
    train(TrainConfig("galatea", options, Budget(pairs=2), samples=1), toy.pack, tmp_path / "run", Session("cpu"))
    assert asked == [0.75, 0.75]
    with pytest.raises(TrainError, match="balance goes from 0 to 1"):
        GalateaConfig(balance=2.0)


def test_pack_is_read_or_refused(toy: Toy, tmp_path: Path) -> None:
    pack = Pack(toy.pack)
    assert pack.size == SIZE
    assert len(pack.rows("anime", "train")) + len(pack.rows("anime", "test")) == 24
