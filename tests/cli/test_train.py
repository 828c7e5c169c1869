"""`anime2real train` and `export`, as they are typed."""

import json
import re
import tomllib
from pathlib import Path

import pytest
from toys import Toy

from anime2real.bundle.format import read
from anime2real.cli.main import main
from anime2real.cli.train import command_of
from anime2real.data.pack import Pack
from anime2real.train.methods.options import CONFIGS, FLAGS
from anime2real.train.recipes import PRESETS
from anime2real.train.run import stats

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


@pytest.mark.usefixtures("_one_bundle")
def test_a_galatea_bundle_says_what_its_discriminators_saw(toy: Toy, tmp_path: Path) -> None:
    command = ["train", "galatea", "--data", str(toy.pack), "-o", str(tmp_path / "run"), "--steps", "1"]
    command += ["--device", "cpu"]
    command += ["--width", "8", "--blocks", "2", "--set", "projection_width=8", "--set", "patch_width=8"]
    command += ["--batch-size", "2"]
    assert main(command) == 0
    bundle = read(tmp_path / "run" / "bundles" / "galatea-anime-to-real")
    assert bundle.training["discriminator_features"] == "Lite0"
    assert "- discriminator features: Lite0" in (bundle.folder / "README.md").read_text()


def test_a_preset_is_printed_whole_and_overridden_by_what_is_given(
    toy: Toy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["train", "cyclegan", "--data", str(toy.pack), "-o", str(tmp_path / "nowhere"), "--dry-run", "--preset"]
    assert main([*command, "paper-50"]) == 0
    table = tomllib.loads(capsys.readouterr().out)
    assert table["budget"] == {"pairs": 750_000}
    assert (table["options"]["tilt"], table["options"]["batch_size"]) == ("none", 16)
    assert not (tmp_path / "nowhere").exists()
    assert main([*command, "paper-15", "--width", "32", "--epochs", "1", "--set", "pool_size=7"]) == 0
    table = tomllib.loads(capsys.readouterr().out)
    assert table["budget"] == {"pairs": 15_000}
    assert [table["options"][name] for name in ("width", "blocks", "pool_size")] == [32, 9, 7]
    assert main([*command, "tilt"]) == 1
    assert "has no landmarks, which tilt needs" in capsys.readouterr().err
    assert main([*command, "paper-50", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert (plan["config"]["budget"], plan["counts"]) == ({"pairs": 750_000}, Pack(toy.pack).meta["counts"])
    assert main([*command, "paper-51"]) == 2
    assert "cyclegan has no preset 'paper-51': there are default, paper-15, paper-50, tilt" in capsys.readouterr().err


@pytest.mark.parametrize("method", PRESETS)
def test_help_offers_the_common_options_and_some_of_the_method_s(
    method: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", method, "--help"]) == 0
    told = capsys.readouterr().out
    flags = set(re.findall(r"--[a-z][a-z-]+", "\n".join(line[:30] for line in told.splitlines() if "│" in line)))
    assert {"--data", "--output", "--preset", "--set", "--minutes", "--dry-run", "--batch-size"} <= flags
    assert len(flags) <= 28
    assert not any("empty" in flag for flag in flags)
    assert all(f"{name}:" in told for name in PRESETS[method])


@pytest.mark.parametrize("method", CONFIGS)
def test_help_says_what_each_option_is(method: str) -> None:
    told = dict(re.findall(r"^ +(\w+): (.+)$", command_of(method).__doc__ or "", re.MULTILINE))
    assert set(FLAGS[method]) <= set(told)


def test_a_method_s_own_words_stand_before_inherited_ones() -> None:
    told = command_of("student").__doc__ or ""
    assert told.count("\n    start_from: ") == 1
    assert "\n    start_from: the teacher" in told


def test_options_are_never_positional(toy: Toy, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "difference", "--data", str(toy.pack), "-o", str(tmp_path / "run"), "None"]) == 2
    assert "None" in capsys.readouterr().err
    assert main(["train", "difference", str(toy.pack), str(tmp_path / "run"), "None"]) == 2
    assert not (tmp_path / "run").exists()


@pytest.mark.usefixtures("_no_bundles")
def test_tensorboard_events_stand_beside_the_stats(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["train", "difference", "--data", str(toy.pack), "--steps", "2", "--batch-size", "4", "--device", "cpu"]
    assert main([*command, "-o", str(tmp_path / "run"), "--tensorboard"]) == 0
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = accumulator.EventAccumulator(str(tmp_path / "run" / "tensorboard")).Reload()
    line = json.loads((tmp_path / "run" / "stats.jsonl").read_text().splitlines()[-1])
    scalar = events.Scalars("losses/difference")[-1]
    assert (scalar.step, scalar.value) == (line["pairs"], pytest.approx(line["losses"]["difference"]))
    monkeypatch.setattr(stats, "find_spec", lambda name: None)
    assert main([*command, "-o", str(tmp_path / "other"), "--tensorboard"]) == 1
    assert 'pip install "anime2real[tensorboard]"' in capsys.readouterr().err
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--minutes", "1", "--epochs", "2"], "give one budget"),
        (["--no-such-option", "1"], "no-such-option"),
        (["--minutes", "soon"], "soon"),
        (["--minutes", "-1"], "the budget must be more than nothing"),
        (["--minutes", "nan"], "the budget must be more than nothing, not nan"),
        (["--epochs", "inf"], "--epochs is a number, not inf"),
        (["--learning-rate", "nan"], "--learning-rate is a number, not nan"),
        (["--ema-half-life", "nan"], "--ema-half-life is more than 0, not nan"),
        (["--seed", "-1"], "--seed is a whole number from 0 on"),
        (["--preset", "slow"], "difference has no preset 'slow'"),
        (["--set", "width=8"], "--set 'width=8' names no option"),
        (["--batch-size", "0"], "--batch-size is 1 or more, not 0"),
        (["--ema-half-life", "0"], "--ema-half-life is more than 0"),
        (["--device", "abacus"], "no device 'abacus' here"),
    ],
)
def test_bad_usage_is_told(
    toy: Toy, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert main(["train", "difference", "--data", str(toy.pack), "-o", str(tmp_path / "run"), *arguments]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
    assert "device" in message or said.endswith(" (anime2real train difference --help)\n")
    assert not (tmp_path / "run").exists()


def test_what_may_be_given_more_than_once_may_stand_behind_one_option(
    toy: Toy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["--data", str(toy.pack), "-o", str(tmp_path / "run"), "--dry-run", "--json"]
    settings = ["width=8", "batch_size=4"]
    for way in (["--set", *settings], ["--set", settings[0], "--set", settings[1]]):
        assert main(["train", "autoencoder", *command, *way, "--ema-shares", "0.1", "0.2"]) == 0
        told = json.loads(capsys.readouterr().out)["config"]
        assert [f"{key}={told['options'][key]}" for key in ("width", "batch_size")] == settings
        assert told["ema_shares"] == [0.1, 0.2]
    options = ["--preset", "quick", "--start-from", "difference", "difference"]
    assert main(["train", "galatea", *command, *options]) == 1
    assert "--start-from names two bundles to" in capsys.readouterr().err


@pytest.mark.parametrize("there", ["", "runs", "runs/first"])
@pytest.mark.parametrize(
    ("method", "options", "code", "message"),
    [
        ("cyclegan", ["--set", "maps=nowhere"], 2, "nowhere is not there: a map is a run"),
        (
            "galatea",
            ["--preset", "quick", "--width", "8", "--start-from", "difference"],
            1,
            "does not hold the generator",
        ),
    ],
)
def test_what_fails_before_its_first_step_leaves_nothing(
    toy: Toy,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    there: str,
    method: str,
    options: list[str],
    code: int,
    message: str,
) -> None:
    (tmp_path / there).mkdir(parents=True, exist_ok=True)
    before = sorted(tmp_path.rglob("*"))
    command = ["train", method, "--data", str(toy.pack), "-o", str(tmp_path / "runs" / "first"), "--steps", "1"]
    assert main([*command, *options, "--device", "cpu"]) == code
    assert message in capsys.readouterr().err
    assert sorted(tmp_path.rglob("*")) == before


def test_a_training_that_diverges_fails_and_exports_nothing(
    toy: Toy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["train", "cyclegan", "--data", str(toy.pack), "-o", str(tmp_path / "run"), "--steps", "3", *SMALL]
    assert main([*command, "--learning-rate", "1e6", "--quiet"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: the training diverged, the loss ")
    assert said.count("\n") == 1
    assert not list(tmp_path.rglob("*.onnx"))


def test_a_finished_run_goes_on_with_a_longer_budget(
    toy: Toy, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("anime2real.train.start.export_translators", lambda *_: [])
    command = ["train", "difference", "--data", str(toy.pack), "-o", str(tmp_path / "run"), "--device", "cpu"]
    assert main([*command, "--batch-size", "4", "--steps", "6"]) == 0
    assert main([*command, "--batch-size", "4", "--steps", "12"]) == 0
    assert "the budget is 48 pairs in place of 24 pairs" in capsys.readouterr().err
    assert main([*command, "--batch-size", "4", "--steps", "6"]) == 1
    assert "a budget can only grow" in capsys.readouterr().err


def test_a_folder_that_is_no_pack_or_run_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "difference", "--data", str(tmp_path), "-o", str(tmp_path / "run")]) == 1
    assert "is not a pack" in capsys.readouterr().err
    assert main(["export", str(tmp_path)]) == 1
    assert "no run" in capsys.readouterr().err


def test_a_folder_that_cannot_be_made_says_what_to_do(
    toy: Toy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "round").symlink_to("round")
    for name in ("file", "file/run", "round"):
        command = ["train", "difference", "--data", str(toy.pack), "-o", str(tmp_path / name), "--steps", "1"]
        assert main([*command, "--device", "cpu"]) == 1
        assert capsys.readouterr().err.endswith("name another folder\n")
    assert (tmp_path / "file").read_text() == "mine"
