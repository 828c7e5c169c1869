"""`anime2real train` and `export`, as they are typed."""

import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest
from toys import Toy

from anime2real.bundle.format import read
from anime2real.cli import train as command
from anime2real.cli.main import main
from anime2real.train.loop import Session

SMALL = ["--width", "8", "--blocks", "1", "--discriminator-width", "8", "--batch-size", "2", "--device", "cpu"]


@pytest.mark.usefixtures("_one_bundle", "_no_bundles")  # the one of `export`
def test_train_resumes_and_exports(toy: Toy, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["train", "cyclegan", "--data", str(toy.pack), "-o", str(tmp_path / "run"), "--steps", "2", *SMALL]
    assert main(command) == 0
    first = {p: p.stat().st_mtime_ns for p in (tmp_path / "run" / "checkpoints").iterdir()}
    assert main(command) == 0  # finished: nothing more to train
    assert first == {p: p.stat().st_mtime_ns for p in (tmp_path / "run" / "checkpoints").iterdir()}
    capsys.readouterr()
    assert main(["export", str(tmp_path / "run"), "-o", str(tmp_path / "out")]) == 0
    bundle = read(tmp_path / "out" / "cyclegan-anime-to-real")
    assert bundle.px == 32
    assert bundle.training["pairs"] == 4
    assert "discriminator_features" not in bundle.training
    table = tomllib.loads((tmp_path / "run" / "config.toml").read_text())
    assert table["budget"] == {"pairs": 4}
    assert table["options"]["width"] == 8


def test_a_galatea_bundle_says_what_its_discriminators_saw(toy: Toy, tmp_path: Path) -> None:
    command = ["train", "galatea", "--data", str(toy.pack), "-o", str(tmp_path / "run"), "--steps", "1"]
    command += ["--device", "cpu"]
    command += ["--width", "8", "--blocks", "2", "--projection-width", "8", "--patch-width", "8", "--batch-size", "2"]
    assert main(command) == 0
    bundle = read(tmp_path / "run" / "bundles" / "galatea-anime-to-real")
    assert bundle.training["discriminator_features"] == "Lite0"
    assert "- discriminator features: Lite0" in (bundle.folder / "README.md").read_text()


def test_presets_are_epochs_of_fifteen_thousand_pairs(toy: Toy, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["train", "cyclegan", "--data", str(toy.pack), "-o", "nowhere", "--dry-run", "--preset"]
    assert main([*command, "paper-50"]) == 0
    assert "'pairs': 750000" in capsys.readouterr().out
    assert not Path("nowhere").exists()
    assert main([*command, "paper-51"]) == 1
    assert "no preset 'paper-51': there are paper-15, paper-50" in capsys.readouterr().err
    assert main([*command, "paper-50", "--epochs", "3"]) == 1
    assert "not both" in capsys.readouterr().err


def test_the_folder_for_compiled_code_reaches_the_loop(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions: list[Session] = []

    def noted(config: object, data: Path, run: Path, session: Session) -> SimpleNamespace:
        sessions.append(session)
        return SimpleNamespace(finished=True)

    monkeypatch.setattr(command, "train", noted)
    arguments = ["train", "ugatit", "--data", str(toy.pack), "-o", str(tmp_path / "run")]
    assert main([*arguments, "--compile-cache", str(tmp_path / "cache")]) == 0
    assert main(arguments) == 0
    assert [session.compile_cache for session in sessions] == [tmp_path / "cache", None]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--minutes", "1", "--epochs", "2"], 1, "give one budget"),
        (["--no-such-option", "1"], 2, "no-such-option"),
        (["--minutes", "soon"], 2, "soon"),
    ],
)
def test_bad_usage_is_told(
    toy: Toy, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, message: str
) -> None:
    command = ["train", "difference", "--data", str(toy.pack), "-o", str(tmp_path / "run"), *arguments]
    assert main(command) == code
    assert message in capsys.readouterr().err


def test_a_folder_that_is_no_pack_or_run_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "difference", "--data", str(tmp_path), "-o", str(tmp_path / "run")]) == 1
    assert "is not a pack" in capsys.readouterr().err
    assert main(["export", str(tmp_path)]) == 1
    assert "no run" in capsys.readouterr().err
