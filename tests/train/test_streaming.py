"""Streamed pictures: the same training, bit for bit, as with all of them on the device."""

import json
import multiprocessing
import os
import signal
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from toys import TINY, Toy, stop_at
from trainings import PLAIN, assert_same, config, run

from anime2real.cli.main import main
from anime2real.data.byte_ranges import UnreadableError
from anime2real.data.pack import Pack
from anime2real.train import picture_source
from anime2real.train.methods.registry import METHODS
from anime2real.train.need import Need
from anime2real.train.picture_source import Resident, placing
from anime2real.train.run.config import TrainError
from anime2real.train.sampler import BatchIndices, Sampler
from anime2real.train.start import dry_run, train
from anime2real.train.streaming import Streamed

STREAMED = replace(PLAIN, readers=0)
CPU = torch.device("cpu")


def drawing(pack: Pack, batch_size: int, *, real_set: bool = False) -> Sampler:
    rows = [pack.rows("anime", "train"), pack.rows("real", "train")]
    return Sampler(*rows, batch_size, 0, rows[::-1] if real_set else ())


@pytest.mark.usefixtures("_no_bundles")
@pytest.mark.parametrize("method", ["autoencoder", "cyclegan", "galatea"])
def test_a_streamed_training_ends_as_a_resident_one_and_resumes_to_the_step(
    method: str, whole: Path, shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From shards and from one piece; stopped, it goes on where it was, and may go on from the device's memory."""
    wanted = config(method, 4)
    train(wanted, whole, tmp_path / "resident", PLAIN)
    train(wanted, shards, tmp_path / "streamed", STREAMED)
    assert_same(tmp_path / "resident", tmp_path / "streamed")
    assert "pictures: streamed, as asked" in (tmp_path / "streamed" / "log.txt").read_text()
    with monkeypatch.context() as patch:
        stop_at(patch, 2)
        assert not train(wanted, whole, tmp_path / "resumed", STREAMED).finished
    assert train(wanted, whole, tmp_path / "resumed", PLAIN).finished
    assert_same(tmp_path / "resident", tmp_path / "resumed")
    samples = [sorted((tmp_path / name / "samples").iterdir()) for name in ("resident", "streamed")]
    assert [path.read_bytes() for path in samples[0]] == [path.read_bytes() for path in samples[1]]


def test_processes_read_what_the_device_would_hold(whole: Path, shards: Path) -> None:
    method = METHODS["galatea"](replace(TINY["galatea"], hair_weight=1.0, min_scale=0.01), 32)
    assert method.wants_hair
    assert method.wants_real_set
    for folder, workers in ((whole, 0), (shards, 1)):
        pack = Pack(folder)
        sampler = drawing(pack, 2, real_set=True)
        resident, streamed = Resident(pack, method, CPU), Streamed(pack, method, CPU, 2, workers)
        assert f"{workers} processes read up to {2 * workers + 1} steps ahead" in streamed.told
        with resident.draws(sampler.draw, 3) as one, streamed.draws(sampler.draw, 3) as two:
            for expected, found in islice(zip(one, two, strict=False), 6):
                assert_same_pictures(resident, expected, streamed, found)
        again = sampler.draw(40)
        assert_same_pictures(resident, again, streamed, streamed.bring(again))
        assert not multiprocessing.active_children()


def assert_same_pictures(one: Any, draw: BatchIndices, two: Any, found: BatchIndices) -> None:
    assert draw.real_set is not None
    assert found.real_set is not None
    for expected, part in ((draw, found), (draw.real_set, found.real_set)):
        assert np.array_equal(expected.numbers, part.numbers)
        for of_one, of_two in ((expected.anime, part.anime), (expected.real, part.real)):
            assert torch.equal(one.pictures[of_one], two.pictures[of_two])
            assert torch.equal(one.annotations[1][of_one], two.annotations[1][of_two])
    assert len(two.pictures) == 2 * 2 * 2  # of one step, whatever the pack holds


def test_a_reader_that_dies_or_finds_damage_ends_the_training_in_a_line(shards: Path, tmp_path: Path) -> None:
    method = METHODS["cyclegan"](TINY["cyclegan"], 32)
    pack = Pack(shards)
    streamed = Streamed(pack, method, CPU, 2, readers=1)

    def until_it_fails() -> None:
        with streamed.draws(drawing(pack, 2).draw, 0) as draws:
            next(draws)
            (child,) = multiprocessing.active_children()
            assert child.pid is not None
            os.kill(child.pid, signal.SIGKILL)
            for _ in range(10):
                next(draws)

    with pytest.raises(TrainError, match="with fewer --readers"):
        until_it_fails()
    copy = tmp_path / "pack"
    copy.mkdir()
    for file in shards.iterdir():
        content = bytearray(file.read_bytes())
        if file.suffix == ".tar":
            content[600:] = bytes(len(content) - 600)
        (copy / file.name).write_bytes(content)
    with pytest.raises(UnreadableError, match="is damaged") as caught:
        run("cyclegan", Toy(copy, copy, copy, copy), tmp_path / "run", STREAMED)
    assert "\n" not in str(caught.value)


@pytest.fixture
def _little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_source, "free_gigabytes", lambda: 1e-7)


@pytest.mark.usefixtures("_little_memory")
def test_what_does_not_fit_is_streamed_and_told(shards: Path, whole: Path, capsys: pytest.CaptureFixture[str]) -> None:
    method, need = METHODS["cyclegan"](TINY["cyclegan"], 32), Need(1.0, 0.1, 0.1)
    found = placing(Pack(shards), method, CPU, need, 2, stream=False)
    assert found.streams
    assert found.in_words().startswith("pictures: streamed, for all on the device would take 0.0 GB of the 0.0 GB")
    assert not placing(Pack(whole), method, CPU, need, 2, stream=False).streams  # it stays in its file, mapped
    assert dry_run(config("cyclegan"), shards).as_record()["pictures"]["streamed"]
    assert main(["train", "cyclegan", "--data", str(shards), "-o", "x", "--dry-run", "--width", "8"]) == 0
    assert "# pictures: streamed, for all" in capsys.readouterr().out


def test_what_fits_is_not(shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--data", str(shards), "-o", str(tmp_path / "run"), "--dry-run", "--json"]
    assert main(["train", "cyclegan", *options]) == 0
    pictures = json.loads(capsys.readouterr().out)["pictures"]
    assert pictures == {"streamed": False, "gigabytes": pytest.approx(Pack(shards).images[:].nbytes / 1e9)}
    assert main(["train", "cyclegan", *options, "--readers", "-1"]) == 2
    assert main(["train", "cyclegan", *options, "--readers", "1"]) == 0
    assert json.loads(capsys.readouterr().out)["pictures"]["streamed"]
