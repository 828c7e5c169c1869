"""Networks that start from bundles draw what the bundles draw."""

from pathlib import Path

import pytest
import tiny
import torch
import torch.nn.functional as F
from exported import PX, WIDTH, Exported, drawn, generator, written

from anime2real.bundle.format import STYLE
from anime2real.train import import_weights
from anime2real.train.export.comparison import sample_pictures
from anime2real.train.import_weights import enlarged, reduced, start_from
from anime2real.train.networks.resnet import ResNetGenerator
from anime2real.train.run.config import TrainError


def test_a_plain_network_gets_its_weights_back(plain: Exported) -> None:
    network, bundle = plain
    other = ResNetGenerator(WIDTH, 2)
    noted = start_from(other, bundle)
    torch.testing.assert_close(drawn(other), drawn(network), atol=4 / 255, rtol=0)
    for name, value in network.state_dict().items():  # as near as fp16 is
        torch.testing.assert_close(other.state_dict()[name], value, atol=1e-4, rtol=1e-3)
    assert noted == {
        "name": "galatea-anime-to-real", "sha256": bundle.sha256, "licence": "none", "rights": "of its makers",
        "pairs": 7, "minutes": 1.5,
    }  # fmt: skip


def test_one_of_larger_pictures_starts_as_the_plain_one_between_a_reduction_and_an_enlargement(
    plain: Exported,
) -> None:
    network, bundle = plain
    larger = ResNetGenerator(WIDTH, 2, unshuffle=2)
    start_from(larger, bundle)
    x = sample_pictures(2, 2 * PX, 1)
    with torch.inference_mode():
        wanted = F.interpolate(network(F.avg_pool2d(x, 2)), scale_factor=2, mode="nearest")
        torch.testing.assert_close(larger(x), wanted, atol=4 / 255, rtol=0)


def test_a_styled_one_starts_as_the_plain_one_whatever_the_style(plain: Exported) -> None:
    network, bundle = plain
    styled = ResNetGenerator(WIDTH, 2, code=STYLE)
    start_from(styled, bundle)
    for style in (torch.zeros(2, STYLE), torch.ones(2, STYLE)):
        torch.testing.assert_close(drawn(styled, PX, style), drawn(network), atol=4 / 255, rtol=0)


def test_styles_come_back_too(styled: Exported) -> None:
    network, bundle = styled
    other = ResNetGenerator(WIDTH, 2, code=STYLE)
    start_from(other, bundle)
    style = torch.linspace(-1, 1, 2 * STYLE).view(2, STYLE)
    torch.testing.assert_close(drawn(other, PX, style), drawn(network, PX, style), atol=4 / 255, rtol=0)


def test_a_network_without_styles_does_not_start_from_one_with(styled: Exported) -> None:
    with pytest.raises(TrainError, match="galatea's --style-weight gives it some"):
        start_from(ResNetGenerator(WIDTH, 2), styled[1])


@pytest.fixture(scope="module")
def faint(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """One of larger pictures, so faint that tanh is hardly bent."""
    network = generator(unshuffle=2)
    with torch.no_grad():
        for value in network.decoder.head.convolution.parameters():
            value.mul_(0.02)
    return network, written(network, tmp_path_factory.mktemp("faint") / "b")


def test_unshuffling_comes_back_too(faint: Exported) -> None:
    network, bundle = faint
    other = ResNetGenerator(WIDTH, 2, unshuffle=2)
    start_from(other, bundle)
    wanted = drawn(network, 2 * PX)
    assert wanted.std() > 1e-3
    torch.testing.assert_close(drawn(other, 2 * PX), wanted, atol=0.02 * float(wanted.std()), rtol=0)


def test_a_plain_one_starts_as_one_of_larger_pictures_draws_small_ones(faint: Exported) -> None:
    network, bundle = faint
    plain = ResNetGenerator(WIDTH, 2)
    start_from(plain, bundle)
    x = sample_pictures(2, PX, 1)
    with torch.inference_mode():
        wanted = F.avg_pool2d(network(F.interpolate(x, scale_factor=2, mode="nearest")), 2)
        assert wanted.std() > 1e-3
        torch.testing.assert_close(plain(x), wanted, atol=0.05 * float(wanted.std()), rtol=0)
    there = dict(plain.state_dict())
    for name, value in reduced(enlarged(there, 3), 3).items():
        torch.testing.assert_close(value, there[name])


@pytest.mark.parametrize("width", [24, 48, 64])
def test_whatever_the_exporter_folds_at_a_width(width: int, tmp_path: Path) -> None:
    network = generator(width, blocks=1)
    other = ResNetGenerator(width, 1)
    start_from(other, written(network, tmp_path / "b"))
    torch.testing.assert_close(drawn(other), drawn(network), atol=4 / 255, rtol=0)


def test_other_networks_are_refused(plain: Exported, tmp_path: Path) -> None:
    _, bundle = plain
    for wrong in (ResNetGenerator(WIDTH + 16, 2), ResNetGenerator(WIDTH, 1)):
        with pytest.raises(TrainError, match=r"does not hold the generator .*, resnet of width .* of method 'galatea'"):
            start_from(wrong, bundle)
    with pytest.raises(TrainError, match="of method 'cyclegan'"):
        start_from(ResNetGenerator(WIDTH, 2), tiny.write_bundle(tmp_path / "tiny"))


def test_a_network_that_draws_something_else_is_refused(plain: Exported, monkeypatch: pytest.MonkeyPatch) -> None:
    """As one would whose file lays its weights out in a way that is not undone here."""
    _, bundle = plain
    state = import_weights.state_of
    key = "decoder.head.convolution.weight"
    monkeypatch.setattr(import_weights, "state_of", lambda named: (s := state(named)) | {key: s[key].flip(3)})
    with pytest.raises(TrainError, match="put back, draw other pictures"):
        start_from(ResNetGenerator(WIDTH, 2), bundle)
