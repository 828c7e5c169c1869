"""Checkpoints that are written while training goes on."""

import threading
from pathlib import Path

import pytest
import torch

from anime2real.train.methods.options import AutoencoderConfig
from anime2real.train.run import checkpoint
from anime2real.train.run.checkpoint import RunProgress, Saver
from anime2real.train.run.restore import build


def method() -> torch.nn.Module:
    made = build("autoencoder", AutoencoderConfig(), 32)
    made.make_optimizers(1e-3)
    made.start_average()
    return made


def test_what_is_saved_is_what_was_there_when_saving_began(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The networks and the moments of Adam change at once, before anything of them is written."""
    trained = method()
    optimizer = next(iter(trained.optimizers.values()))
    weights = [p for group in optimizer.param_groups for p in group["params"]]
    for p in weights:
        p.grad = torch.ones_like(p)
    optimizer.step()
    go_on, write = threading.Event(), checkpoint._write

    def late(*arguments: object) -> Path:
        assert go_on.wait(30)
        return write(*arguments)

    monkeypatch.setattr(checkpoint, "_write", late)
    was = {key: value.clone() for key, value in trained.state_dict().items()}
    moments = [optimizer.state[p]["exp_avg"].clone() for p in weights]
    with Saver(tmp_path) as saver:
        saver.save(trained, RunProgress(step=3, pairs=12))
        assert not checkpoint.complete(tmp_path)
        optimizer.step()
        with torch.no_grad():
            for value in trained.state_dict().values():
                value.zero_()
        go_on.set()
    again = method()
    progress, passed = checkpoint.load_newest(tmp_path, again)
    assert (progress, passed) == (RunProgress(step=3, pairs=12), [])
    assert all(torch.equal(value, was[key]) for key, value in again.state_dict().items())
    optimizer = next(iter(again.optimizers.values()))
    restored = [optimizer.state[p]["exp_avg"] for group in optimizer.param_groups for p in group["params"]]
    assert all(torch.equal(a, b) for a, b in zip(restored, moments, strict=True))


def save(folder: Path, saves: int, then: type[Exception] | None = None) -> None:
    """So many checkpoints below a folder, then perhaps an error of the training."""
    trained = method()
    with Saver(folder) as saver:
        for step in range(saves):
            saver.save(trained, RunProgress(step=step))
        if then:
            raise then


@pytest.mark.parametrize("saves", [1, 2])
def test_a_checkpoint_that_cannot_be_written_is_told(tmp_path: Path, saves: int) -> None:
    """By the next one or by the end; the folder is a file here, as a full disk would refuse it too."""
    (tmp_path / "checkpoints").write_text("in the way")
    with pytest.raises(FileExistsError):
        save(tmp_path / "checkpoints", saves)


def test_an_error_of_the_training_is_not_hidden_by_one_of_the_writing(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").write_text("in the way")
    with pytest.raises(ZeroDivisionError):
        save(tmp_path / "checkpoints", 1, ZeroDivisionError)
