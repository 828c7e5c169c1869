"""The real set: discriminators see as real the pictures that were asked for, as sharp as was asked."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from toys import SIZE, Toy
from trainings import OnTheDeviceAlone, galatea, plain, upper

from anime2real.data.pack import Pack
from anime2real.face.geometry import TEMPLATE
from anime2real.train.batch import Batch
from anime2real.train.methods.galatea import Galatea
from anime2real.train.methods.galatea_options import GalateaConfig
from anime2real.train.random_numbers import COLUMNS, RandomNumbers
from anime2real.train.run.config import TrainError
from anime2real.train.sampler import Sampler, from_sources
from anime2real.train.selection import annotations, training_rows
from anime2real.train.step import Speed, TrainingStep


def test_discriminators_learn_from_the_real_set_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    method = galatea(real_set=("sharp.zip",))
    pictures = {name: plain(50.0, 0.0, 2.0 * i, count=2) for i, name in enumerate(("anime", "real", "sharp", "drawn"))}
    seen: dict[str, list[torch.Tensor]] = {"real": [], "anime": []}
    for domain, calls in seen.items():
        method.feature_discriminators[domain].register_forward_pre_hook(
            lambda _, inputs, calls=calls: calls.append(inputs[0])
        )
    monkeypatch.setattr("anime2real.train.methods.galatea_discriminators.augmented", lambda image, _: image)
    uniforms = RandomNumbers(torch.full((2, COLUMNS), 0.5))
    real_set = Batch(pictures["drawn"], pictures["sharp"], uniforms)
    method.step(Batch(pictures["anime"], pictures["real"], uniforms, real_set=real_set))
    for domain, shown in (("real", "sharp"), ("anime", "drawn")):
        of_generator, of_discriminator = seen[domain]
        assert torch.equal(of_discriminator[:2], pictures[shown])
        assert torch.equal(of_discriminator[2:], of_generator)


def test_photographs_of_the_real_set_are_recoloured_too() -> None:
    method = galatea(hair_recolouring=1.0, real_set=("sharp.zip",))
    method.set_hair_colours(np.array([[40.0, 10.0, -50.0]], np.float32))
    seen: list[torch.Tensor] = []
    method.patch_discriminators["real"].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    image, uniforms = plain(40.0, 10.0, 10.0, count=2), RandomNumbers(torch.zeros(2, COLUMNS))
    method.step(
        Batch(
            image,
            image,
            uniforms,
            real_hair=upper(count=2),
            real_set=Batch(image, image, uniforms, real_hair=upper(count=2)),
        )
    )
    shown = seen[-1][:2]
    assert (shown[:, 2] - image[:, 2])[:, : SIZE // 2].mean() > 0.2  # bluer
    assert torch.equal(shown[:, :, SIZE // 2 :], image[:, :, SIZE // 2 :])


def test_the_real_set_comes_from_its_sources_and_leave_the_other_draws_alone() -> None:
    rows = np.arange(20, 30)
    sources = ["soft.zip"] * 7 + ["sharp.zip"] * 3
    sharp = from_sources(rows, sources, ["sharp.zip", "elsewhere.zip"])
    assert sharp.tolist() == [27, 28, 29]
    assert np.array_equal(from_sources(rows, sources, ["elsewhere.zip"]), rows)
    plain_sampler = Sampler(np.arange(20), rows, 4, seed=1)
    sampler = Sampler(np.arange(20), rows, 4, seed=1, real_set=(np.arange(5), sharp))
    seen = []
    for step in range(30):
        draw, alone = sampler.draw(step), plain_sampler.draw(step)
        assert alone.real_set is None
        assert np.array_equal(draw.anime, alone.anime)
        assert np.array_equal(draw.real, alone.real)
        assert np.array_equal(draw.numbers, alone.numbers)
        assert draw.real_set is not None
        assert not np.array_equal(draw.real_set.numbers, draw.numbers)
        seen.append(draw.real_set)
    assert np.bincount(np.concatenate([e.real for e in seen]))[27:].tolist() == [40, 40, 40]
    assert np.bincount(np.concatenate([e.anime for e in seen])).tolist() == [24] * 5
    again = Sampler(np.arange(20), rows, 4, seed=1, real_set=(np.arange(5), sharp)).draw(17).real_set
    assert again is not None
    assert np.array_equal(again.real, seen[17].real)
    assert np.array_equal(again.numbers, seen[17].numbers)


def test_the_step_with_hair_and_a_real_set_stays_on_the_device(haired: Path) -> None:
    pack = Pack(haired)
    assert pack.hair is not None
    method = galatea(hair_recolouring=0.5, hair_weight=5.0, min_scale=0.65, soft_scale=0.35)
    method.set_hair_colours(pack.hair_colours("anime", "train"))
    soft = torch.arange(len(pack.images)) % 2 == 0
    for optimizer in method.optimizers.values():
        optimizer.step = lambda *_: None  # type: ignore[method-assign, assignment]
    training_step = TrainingStep(
        method, torch.from_numpy(pack.images), 2, Speed(), None, torch.from_numpy(pack.hair), soft
    )
    rows = [pack.rows("anime", "train"), pack.rows("real", "train")]
    training_step.step(Sampler(*rows, 2, 0, real_set=rows).draw(0), 1e-4, [0.1])
    with OnTheDeviceAlone() as noted:
        training_step._body()
    assert noted.seen == []


def test_the_training_step_loads_the_real_set_as_it_loads_the_others(toy: Toy) -> None:
    pack = Pack(toy.pack)
    seen: list[Batch] = []
    method = galatea(real_set=("real",), min_scale=0.65, soft_scale=0.35)
    method.augment = replace(method.augment, flip=False, zoom=0.0)
    method.step = lambda batch: seen.append(batch) or {}  # type: ignore[method-assign, func-returns-value, assignment]
    soft = torch.arange(len(pack.images)) % 3 == 0
    training_step = TrainingStep(method, torch.from_numpy(pack.images), 2, Speed(), soft=soft)
    rows = [pack.rows("anime", "train"), pack.rows("real", "train")]
    draw = Sampler(*rows, 2, 0, real_set=rows).draw(0)
    training_step.step(draw, 0.0, [0.0])
    shown = seen[0].real_set
    assert shown is not None
    assert draw.real_set is not None
    for image, places in ((shown.real, draw.real_set.real), (shown.anime, draw.real_set.anime)):
        expected = torch.from_numpy(pack.images[places]).permute(0, 3, 1, 2).float() / 127.5 - 1
        torch.testing.assert_close(image, expected)
    for noted, places in ((shown.real_soft, draw.real_set.real), (shown.anime_soft, draw.real_set.anime)):
        assert noted is not None
        assert noted.tolist() == [place % 3 == 0 for place in places.tolist()]


def test_the_real_set_is_as_sharp_as_asked(toy: Toy, tmp_path: Path) -> None:
    """Rows of the right scale, of every source; where a domain has none, or the pack knows no scales, it says so."""
    pack_folder = tmp_path / "scaled"
    shutil.copytree(toy.pack, pack_folder)
    path = pack_folder / "index.jsonl"
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    sharp = {"anime": [], "real": []}  # type: dict[str, list[int]]
    for row, entry in enumerate(entries):
        entry["scale"] = 0.8 if row % 2 else 0.4
        if row % 2 and entry["split"] == "train":
            sharp[entry["domain"]].append(row)
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    pack = Pack(pack_folder)
    method = galatea(min_scale=0.65)
    assert method.wants_real_set
    drawn, shown = training_rows(pack, method, 0)
    assert [rows.tolist() for rows in shown] == [sharp["anime"], sharp["real"]]
    assert {row for rows in drawn for row in rows.tolist()} > set(sharp["anime"])  # translated are the others too
    with pytest.raises(TrainError, match=r"no anime picture .* has 0\.9 pixels"):
        training_rows(pack, galatea(min_scale=0.9), 0)
    softer = galatea(min_scale=0.65, soft_scale=0.35)
    _, shown = training_rows(pack, softer, 0)
    assert [len(rows) for rows in shown] == [len(pack.rows(domain, "train")) for domain in ("anime", "real")]
    soft = annotations(pack, softer, torch.device("cpu"))[2]
    assert soft is not None
    assert {row for rows in shown for row in rows.tolist() if not soft[row]} == {*sharp["anime"], *sharp["real"]}
    assert annotations(pack, method, torch.device("cpu"))[2] is None
    with pytest.raises(TrainError, match=r"no anime picture .* smaller soft_scale"):
        training_rows(pack, galatea(min_scale=1.2, soft_scale=0.9), 0)
    for entry in entries:
        del entry["scale"]
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    with pytest.raises(TrainError, match="does not know its pictures' scale"):
        Galatea.resolve(GalateaConfig(min_scale=0.65), Pack(pack_folder))
    with pytest.raises(TrainError, match="--min-scale is 0 or more"):
        GalateaConfig(min_scale=-1.0)
    for min_scale, soft_scale in ((0.0, 0.3), (0.65, 0.3), (0.65, 0.65), (0.65, -0.5)):
        with pytest.raises(TrainError, match="soft_scale lies between half of --min-scale"):
            GalateaConfig(min_scale=min_scale, soft_scale=soft_scale)


def test_results_are_as_soft_as_the_real_set_beside_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every discriminator: where a picture of the real set is soft, it and the result beside it are halved."""
    options = {"detail_weight": 0.5, "cam_discriminator_weight": 0.5, "min_scale": 0.65, "soft_scale": 0.35}
    method = galatea(**options)
    discriminators = {
        f"{kind}_{domain}": discriminator
        for kind, of in (("discriminator", method.feature_discriminators), ("patch", method.patch_discriminators))
        for domain, discriminator in of.items()
    }
    seen: dict[str, list[torch.Tensor]] = {name: [] for name in discriminators}
    for name, discriminator in discriminators.items():
        discriminator.register_forward_pre_hook(lambda _, inputs, name=name: seen[name].append(inputs[0]))
    wholes: list[torch.Tensor] = []
    for pair in method.cam_discriminators.values():
        pair.register_forward_pre_hook(lambda _, inputs: wholes.append(inputs[0]))
    made: dict[str, torch.Tensor] = {}

    def keep(name: str, result: torch.Tensor) -> None:
        made.setdefault(name, result[:2].detach())  # the translation comes first, the identity in its batch

    for name in ("to_real", "to_anime"):
        getattr(method, name).register_forward_hook(lambda _, __, result, name=name: keep(name, result))
    monkeypatch.setattr("anime2real.train.methods.galatea_discriminators.augmented", lambda image, _: image)
    points = torch.from_numpy(TEMPLATE * 2 - 1).float().expand(2, 5, 2)
    noise = {name: torch.rand(2, 3, SIZE, SIZE) * 2 - 1 for name in ("anime", "real", "drawn", "sharp")}
    uniforms = RandomNumbers(torch.full((2, COLUMNS), 0.5))
    soft = {"real_soft": torch.tensor([True, False]), "anime_soft": torch.tensor([False, True])}
    real_set = Batch(noise["drawn"], noise["sharp"], uniforms, points, points, **soft)
    method.step(Batch(noise["anime"], noise["real"], uniforms, points, points, real_set=real_set))

    def halved(image: torch.Tensor) -> torch.Tensor:
        small = F.avg_pool2d(image, 2)
        return F.interpolate(small, scale_factor=2, mode="bilinear", align_corners=False)

    for domain, shown, generator in (("real", "sharp", "to_real"), ("anime", "drawn", "to_anime")):
        places = soft[f"{domain}_soft"][:, None, None, None]
        shown_real = torch.where(places, halved(noise[shown]), noise[shown])
        result = torch.where(places, halved(made[generator]), made[generator])
        for discriminator in (f"discriminator_{domain}", f"patch_{domain}"):
            of_generator, of_discriminator = seen[discriminator]
            assert torch.equal(of_generator, result)
            assert torch.equal(of_discriminator, torch.cat([shown_real, result]))
        assert any(torch.equal(whole, torch.cat([shown_real, result])) for whole in wholes)
