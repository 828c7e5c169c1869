"""Runs whose discriminators go on from another run."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from toys import QUICK, SIZE, TINY, UNTOLD, Toy

from anime2real.bundle.format import read
from anime2real.train.import_discriminators import PREFIXES, discriminators_in
from anime2real.train.methods.galatea import Galatea
from anime2real.train.methods.student import Student
from anime2real.train.methods.student_options import StudentConfig
from anime2real.train.run.config import Budget, TrainConfig, TrainError
from anime2real.train.session import Session
from anime2real.train.start import dry_run, train


@pytest.fixture(scope="module")
def run(toy: Toy, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of both ways, of two steps."""
    folder = tmp_path_factory.mktemp("first") / "run"
    train(TrainConfig("galatea", TINY["galatea"], Budget(pairs=4)), toy.pack, folder, Session(device="cpu", quiet=True))
    return folder


def of(method: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: value for name, value in method.state_dict().items() if name.startswith(PREFIXES)}


def test_discriminators_go_on_and_generators_do_not(run: Path, toy: Toy, tmp_path: Path) -> None:
    left = discriminators_in(run)
    options = replace(TINY["galatea"], discriminators_from=str(run))
    torch.manual_seed(5)
    method = Galatea(options, SIZE)
    before = {name: value.clone() for name, value in method.state_dict().items()}
    assert not all(torch.equal(before[name], value) for name, value in left.items())
    method.load_initial_weights()
    after = of(method)
    assert after.keys() == left.keys()
    assert all(torch.equal(after[name], value) for name, value in left.items())
    others = {name: value for name, value in method.state_dict().items() if name not in after}
    assert any(name.startswith("to_real.") for name in others)
    assert all(torch.equal(before[name], value) for name, value in others.items())
    status = train(
        TrainConfig("galatea", options, Budget(pairs=4)), toy.pack, tmp_path / "next", Session(device="cpu", quiet=True)
    )
    assert status.finished
    assert {read(bundle).training["options"]["discriminators_from"] for bundle in status.bundles} == {"run"}


def test_a_student_takes_those_of_its_own_domain_in_halves_too(run: Path, tmp_path: Path) -> None:
    left, file = discriminators_in(run), tmp_path / "halves.safetensors"
    save_file({n: value.half() if value.is_floating_point() else value for n, value in left.items()}, file)
    options = StudentConfig(**QUICK | UNTOLD | networks(), discriminators_from=str(file), start_from=("galatea",))
    method = Student(options, SIZE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("anime2real.train.methods.galatea.bundles_of", lambda named: {})
        method.load_initial_weights()
    own = of(method)
    assert own
    assert own.keys() < left.keys()
    assert not any("anime" in name for name in own)
    for name, value in own.items():
        assert value.dtype == left[name].dtype
        torch.testing.assert_close(value, left[name], atol=1e-3, rtol=1e-3)


def networks() -> dict[str, Any]:
    """Of the toy run's discriminators."""
    return {name: getattr(TINY["galatea"], name) for name in ("width", "blocks", "projection_width", "patch_width")}


def test_what_does_not_fit_is_refused_in_a_line(run: Path, toy: Toy, tmp_path: Path) -> None:
    def refused(place: Path, match: str, **changes: Any) -> None:
        options = replace(TINY["galatea"], discriminators_from=str(place), **changes)
        with pytest.raises(TrainError, match=match):
            dry_run(TrainConfig("galatea", options, Budget(pairs=4)), toy.pack, Session(device="cpu"))

    refused(tmp_path, "has no checkpoint to take discriminators from")
    refused(tmp_path / "none.safetensors", "none.safetensors cannot be read: ")
    (tmp_path / "text").write_text("no tensors")
    refused(tmp_path / "text", "text cannot be read: ")
    save_file({"encoder.weight": torch.zeros(1)}, tmp_path / "generator")
    refused(tmp_path / "generator", "holds no discriminators of galatea or student")
    refused(run, "has other discriminators than this training: .* weights are otherwise", projection_width=16)
    some = next(iter((run / "checkpoints").glob("step-*"))) / "model.safetensors"
    kept = {name: value for name, value in load_file(some).items() if not name.startswith("patch_")}
    save_file(kept, tmp_path / "some")
    refused(tmp_path / "some", "weights are not there", patch_weight=0.5)
