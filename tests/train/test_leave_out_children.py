"""Children are taken out of the training photographs, and of nothing else; the network's files are read as they are."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import leave_out_children as script
import numpy as np
import pytest
import torch
from PIL import Image
from toys import SIZE, TINY, Toy
from trainings import PLAIN

from anime2real.bundle.format import read
from anime2real.data.pack import Pack, PackError
from anime2real.data.pack_files import write_both
from anime2real.domain import DOMAINS, Domain
from anime2real.train.methods.options import DifferenceConfig
from anime2real.train.run.config import Budget, TrainConfig
from anime2real.train.sample_grid import chosen_rows
from anime2real.train.session import Session
from anime2real.train.start import train

LAYERS = [
    ("entry_flow/conv_in", (3, 3, 3, 32)),
    *((f"entry_flow/reduction_block_0/separable_conv{i}", (c, 64)) for i, c in enumerate((32, 64))),
    ("entry_flow/reduction_block_0/expansion_conv", (1, 1, 32, 64)),
    *((f"entry_flow/reduction_block_1/separable_conv{i}", (c, 128)) for i, c in enumerate((64, 128))),
    ("entry_flow/reduction_block_1/expansion_conv", (1, 1, 64, 128)),
    *((f"middle_flow/main_block_{b}/separable_conv{i}", (128, 128)) for b in (0, 1) for i in range(3)),
    *((f"exit_flow/reduction_block/separable_conv{i}", (c, 256)) for i, c in enumerate((128, 256))),
    ("exit_flow/reduction_block/expansion_conv", (1, 1, 128, 256)),
    ("exit_flow/separable_conv", (256, 512)),
]


def write_network(folder: Path, years: float) -> Path:
    """A network of the right shape whose answer is `years`: all weights nothing, quantised as the real ones are."""
    folder.mkdir()
    entries: list[dict[str, Any]] = []
    content = b""

    def add(name: str, shape: tuple[int, ...], quantised: bool, value: float = 0.0) -> None:
        nonlocal content
        entry: dict[str, Any] = {"name": name, "shape": list(shape), "dtype": "float32"}
        if quantised:
            entry["quantization"] = {"dtype": "uint8", "scale": 0.25, "min": -1.0}
            content += np.full(shape, round((value + 1.0) / 0.25), np.uint8).tobytes()
        else:
            content += np.full(shape, value, "<f4").tobytes()
        entries.append(entry)

    for name, shape in LAYERS:
        if len(shape) == 2:
            add(f"{name}/depthwise_filter", (3, 3, shape[0], 1), quantised=True)
            add(f"{name}/pointwise_filter", (1, 1, *shape), quantised=True)
        else:
            add(f"{name}/filters", shape, quantised=True)
        add(f"{name}/bias", (shape[-1],), quantised=False)
    add("fc/age/weights", (512, 1), quantised=True)
    add("fc/age/bias", (1,), quantised=False, value=years)
    (folder / "age_gender_model-weights_manifest.json").write_text(json.dumps([{"weights": entries, "paths": []}]))
    (folder / "age_gender_model.bin").write_bytes(content)
    return folder


def test_the_networks_files_are_read_and_its_layers_fit_each_other(tmp_path: Path) -> None:
    network = script.AgeNetwork(write_network(tmp_path / "model", 31.5))
    assert not network.weights["exit_flow/separable_conv/pointwise_filter"].any()
    assert network(torch.full((2, 3, 112, 112), 200.0)).tolist() == pytest.approx([31.5, 31.5])
    assert script.ages(network, np.zeros((3, 64, 64, 3), np.uint8)).tolist() == pytest.approx([31.5] * 3)
    assert len(script.ages(network, np.zeros((0, 64, 64, 3), np.uint8))) == 0


def test_an_even_side_is_padded_after_its_end(tmp_path: Path) -> None:
    """As TensorFlow's `same` does it: with stride 2 the first output sees the picture's first three pixels."""
    network = script.AgeNetwork(write_network(tmp_path / "model", 0.0))
    kernel = torch.zeros(3, 3, 3, 32)
    kernel[2, 2, 0, 0] = 1.0
    network.weights["entry_flow/conv_in/filters"] = kernel
    image = torch.arange(64.0).view(1, 1, 8, 8).expand(1, 3, 8, 8)
    found = network.convolved(image, "entry_flow/conv_in", 2)[0, 0]
    assert found.shape == (4, 4)
    assert torch.equal(found[:3, :3], image[0, 0, 2::2, 2::2])
    assert not found[3].any()


def test_a_network_that_is_not_there_or_cut_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PackError, match="holds no age network"):
        script.AgeNetwork(tmp_path)
    model = write_network(tmp_path / "model", 0.0) / "age_gender_model.bin"
    content = model.read_bytes()
    model.write_bytes(content + b"more")
    with pytest.raises(PackError, match="its manifest tells of"):
        script.AgeNetwork(tmp_path / "model")
    model.write_bytes(content[:-10])
    with pytest.raises(PackError, match="holds no age network"):
        script.AgeNetwork(tmp_path / "model")
    (tmp_path / "model" / "age_gender_model-weights_manifest.json").write_text('[{"weights": [{"name": "x"}]}]')
    with pytest.raises(PackError, match="holds no age network"):
        script.AgeNetwork(tmp_path / "model")


def blue(images: torch.Tensor) -> torch.Tensor:
    """Bluer is older."""
    return images[:, 2].mean((1, 2)) / 5


def test_young_training_photographs_and_nothing_else_are_left_out(toy: Toy, tmp_path: Path) -> None:
    folder = shutil.copytree(toy.pack, tmp_path / "pack")
    before = Pack(folder)
    rows, digest = before.rows("real", "train"), before.digest
    years = script.ages(blue, before.images[rows])  # type: ignore[arg-type]
    least = float(np.sort(years)[4])
    facts = script.leave_out(folder, blue, least)  # type: ignore[arg-type]
    after = Pack(folder)
    assert facts["left_out"] == 4
    assert facts["of"] == len(rows)
    assert facts["sources"] == {"real": 4}
    assert after.rows("real", "train").tolist() == rows[years >= least].tolist()
    for domain, split in (("anime", "train"), ("anime", "test"), ("real", "test")):
        assert after.rows(domain, split).tolist() == before.rows(domain, split).tolist()  # type: ignore[arg-type]
    assert after.digest != digest
    assert after.meta["children"]["left_out"] == 4
    assert after.meta["counts"]["real"] == {**before.meta["counts"]["real"], "train": len(rows) - 4}
    assert after.meta["counts"]["anime"] == before.meta["counts"]["anime"]
    assert after.images.shape == before.images.shape


def with_tests(toy: Toy, folder: Path, **said: Any) -> Pack:
    """The pack with six photographs to test on, each of which says so of itself."""
    shutil.copytree(toy.pack, folder)
    before = Pack(folder)
    moved = set(before.rows("real", "train")[:6].tolist())
    entries = [{**e, **({"split": "test"} | said if row in moved else {})} for row, e in enumerate(before.index)]
    counts = before.meta["counts"]["real"]
    counts = {"train": counts["train"] - len(moved), "test": counts["test"] + len(moved)}
    write_both(folder, entries, {**before.meta, "counts": {**before.meta["counts"], "real": counts}})
    return Pack(folder)


def test_sample_grids_show_no_child_and_none_of_weight_0(toy: Toy, tmp_path: Path) -> None:
    before = with_tests(toy, tmp_path / "pack")
    tested = before.rows("real", "test")
    years = script.ages(blue, before.images[tested])  # type: ignore[arg-type]
    least = float(np.sort(years)[3])
    assert chosen_rows(before, 0)["real"].tolist() == tested.tolist()
    script.leave_out(before.folder, blue, least)  # type: ignore[arg-type]
    after = Pack(before.folder)
    assert after.rows("real", "test").tolist() == tested.tolist()  # they are measured by as before
    assert chosen_rows(after, 0)["real"].tolist() == tested[years >= least].tolist()
    assert after.weights is None  # nobody has labels
    script.leave_out(before.folder, blue, 0.0)  # type: ignore[arg-type]
    assert chosen_rows(Pack(before.folder), 0)["real"].tolist() == tested.tolist()


def test_sample_grids_show_nobody_who_looks_like_a_child(toy: Toy, tmp_path: Path) -> None:
    grown = with_tests(toy, tmp_path / "grown", who=[0.0, 0.2])
    assert set(chosen_rows(grown, 0)["real"]) == set(grown.rows("real", "test"))
    assert len(grown.rows("real", "test")) >= 6
    young = with_tests(toy, tmp_path / "young", who=[0.0, 0.19])
    shown = set(chosen_rows(young, 0)["real"].tolist())
    assert shown
    assert all(young.index[row].get("who") is None for row in shown)


@pytest.mark.parametrize("young", [DOMAINS[:0], ("real",), DOMAINS])
def test_where_nobody_may_be_shown_nobody_is(toy: Toy, tmp_path: Path, young: tuple[Domain, ...]) -> None:
    folder = shutil.copytree(toy.pack, tmp_path / "pack")
    before = Pack(folder)
    hidden: dict[str, dict[str, Any]] = {"real": {"who": [0.0, 0.19]}, "anime": {"weight": 0.0}}
    entries = [{**e, **(hidden[e["domain"]] if e["domain"] in young else {})} for e in before.index]
    write_both(folder, entries, before.meta)
    assert [domain for domain, rows in chosen_rows(Pack(folder), 0).items() if not len(rows)] == list(young)
    config = TrainConfig("difference", TINY["difference"], Budget(pairs=4))
    assert train(config, folder, tmp_path / "run", PLAIN).finished
    grids = list((tmp_path / "run" / "samples").glob("*.png"))
    heights = {Image.open(grid).height // SIZE for grid in grids}
    assert heights == ({4 - 2 * len(young)} if len(young) < 2 else set())


def test_another_age_brings_them_back(toy: Toy, tmp_path: Path) -> None:
    folder = shutil.copytree(toy.pack, tmp_path / "pack")
    rows = Pack(folder).rows("real", "train")
    years = np.sort(script.ages(blue, Pack(folder).images[rows]))  # type: ignore[arg-type]
    script.leave_out(folder, blue, float(years[6]))  # type: ignore[arg-type]
    again = script.leave_out(folder, blue, float(years[2]))  # type: ignore[arg-type]
    assert (again["left_out"], again["of"]) == (2, len(rows))
    assert len(Pack(folder).rows("real", "train")) == len(rows) - 2
    script.leave_out(folder, blue, 0.0)  # type: ignore[arg-type]
    assert Pack(folder).rows("real", "train").tolist() == rows.tolist()


def test_a_pack_is_never_left_without_photographs(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = shutil.copytree(toy.pack, tmp_path / "pack")
    model = write_network(tmp_path / "model", 12.0)
    index = (folder / "index.jsonl").read_bytes()
    monkeypatch.setattr(sys, "argv", ["leave_out_children.py", str(folder), "--model", str(model)])
    with pytest.raises(SystemExit, match="no photograph left: lower --least"):
        script.main()
    assert (folder / "index.jsonl").read_bytes() == index
    monkeypatch.setattr(sys, "argv", [*sys.argv, "--least", "10"])
    script.main()
    assert json.loads(capsys.readouterr().out)["left_out"] == 0


def test_the_bundles_of_such_a_pack_say_so(toy: Toy, tmp_path: Path) -> None:
    folder = shutil.copytree(toy.pack, tmp_path / "pack")
    script.leave_out(folder, blue, 18.0)  # type: ignore[arg-type]
    options = DifferenceConfig(learning_rate=0.1, snapshot_every=3, snapshots=1, batch_size=4)
    status = train(TrainConfig("difference", options, Budget(pairs=4)), folder, tmp_path / "run", Session("cpu"))
    training = read(status.bundles[0]).training
    assert training["children"] == Pack(folder).meta["children"]
    assert training["counts"]["real"]["train"] == len(Pack(folder).rows("real", "train"))
