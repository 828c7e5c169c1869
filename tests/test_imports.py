"""Whoever uses the package never imports torch, and only videos import PyAV, even where they are installed."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tiny
from PIL import Image

SOURCE = Path(__file__).parent.parent / "src"
HEAVY = ("torch", "onnx", "scipy", "safetensors", "huggingface_hub", "av")


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Where the packages of training, the Hub and videos are installed, and note each process that imports them."""
    for name in HEAVY:
        package = tmp_path / "packages" / name
        package.mkdir(parents=True)
        package.joinpath("__init__.py").write_text(
            f"from pathlib import Path\nPath({str(tmp_path / 'imported')!r}).open('a').write({name + ' '!r})\n"
        )
    path = os.pathsep.join([str(tmp_path / "packages"), str(SOURCE)])
    return {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}


def run(environment: dict[str, str], *arguments: str) -> str:
    done = subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_trap_works(tmp_path: Path, environment: dict[str, str]) -> None:
    run(environment, "-c", "import torch")
    assert (tmp_path / "imported").read_text() == "torch "


def test_using_never_imports_torch(tmp_path: Path, environment: dict[str, str]) -> None:
    bundle = str(tiny.write_bundle(tmp_path / "bundle").folder)
    random = np.random.default_rng(0)
    for domain in ("anime", "real"):
        (tmp_path / domain).mkdir()
        for i in range(40):  # more than one chunk, so that prepare starts processes
            pixels = random.integers(0, 256, (16, 16, 3), np.uint8)
            Image.fromarray(pixels).save(tmp_path / domain / f"{i}.png")
    anime, real = str(tmp_path / "anime"), str(tmp_path / "real")
    moving = [Image.new("RGB", (32, 32), (value, 0, 0)) for value in (0, 200)]
    moving[0].save(tmp_path / "moving.gif", save_all=True, append_images=moving[1:])
    out, pack, page = (str(tmp_path / name) for name in ("out", "pack", "report.html"))
    run(environment, "-c", "import anime2real; anime2real.Translator, anime2real.Bundle, anime2real.UserError")
    for command in (
        ["translate", "--crop", "none", str(tmp_path / "moving.gif"), "-o", str(tmp_path / "one"), "--bundle", bundle],
        ["translate", "--crop", "none", anime, "-o", out, "--bundle", bundle, "--json"],
        ["methods"],
        ["inspect", anime],
        ["prepare", "--anime", anime, "--real", real, "-o", pack, "--size", "16", "--near", "0", "--crop", "auto"],
        ["compare", bundle, "--pictures", anime, "-o", page],
        ["--help"],
    ):
        run(environment, "-m", "anime2real", *command)
    assert len(list((tmp_path / "out").iterdir())) == 40
    assert not (tmp_path / "imported").exists()


def test_only_a_video_imports_pyav(tmp_path: Path, environment: dict[str, str]) -> None:
    film = tmp_path / "film.mp4"
    film.write_bytes(b"\0\0\0\x18ftypisom" + bytes(100))
    run(environment, "-m", "anime2real", "inspect", str(film))
    assert not (tmp_path / "imported").exists()
    bundle = str(tiny.write_bundle(tmp_path / "bundle").folder)
    command = [
        sys.executable,
        "-m",
        "anime2real",
        "translate",
        str(film),
        "-o",
        str(tmp_path / "o"),
        "--bundle",
        bundle,
    ]
    subprocess.run(command, env=environment, capture_output=True, check=False)
    assert (tmp_path / "imported").read_text() == "av "


def test_a_mistyped_command_does_not_import_torch(tmp_path: Path, environment: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "anime2real", "trian"], env=environment, capture_output=True, check=False
    )
    assert done.returncode == 2
    assert not (tmp_path / "imported").exists()


@pytest.mark.parametrize("arguments", [["train", "--help"], ["train", "galatea", "--help"], ["train", "galatea"]])
def test_help_and_usage_errors_of_training_do_without_torch(
    tmp_path: Path, environment: dict[str, str], arguments: list[str]
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "anime2real", *arguments], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == (0 if "--help" in arguments else 2), done.stderr
    assert "anime2real train" in done.stdout + done.stderr
    assert not (tmp_path / "imported").exists()


def test_importing_is_light(environment: dict[str, str]) -> None:
    code = "import sys, anime2real; print(*sys.modules)"
    loaded = set(run(environment, "-c", code).split())
    assert "anime2real" in loaded
    assert not loaded & {"numpy", "PIL", "onnxruntime", "cyclopts"}


def test_help_imports_nothing_heavy(environment: dict[str, str]) -> None:
    code = "import sys, anime2real.cli.app; print(*sys.modules)"
    loaded = set(run(environment, "-c", code).split())
    assert not loaded & {"numpy", "PIL", "onnxruntime", "torch", "anime2real.cli.train"}


def test_a_plain_translate_needs_no_cyclopts(environment: dict[str, str], tmp_path: Path) -> None:
    code = "import sys; from anime2real.cli.main import main; main(sys.argv[1:]); print(*sys.modules)"
    picture = Path(__file__).parents[1] / "examples" / "kuro.png"
    told = run(environment, "-c", code, "translate", str(picture), "-o", str(tmp_path), "--method", "difference")
    assert (tmp_path / "kuro.png").exists()
    assert {"onnxruntime"} == set(told.split()) & {"onnxruntime", "cyclopts", "torch"}


def test_public_names() -> None:
    import anime2real

    names = {
        "Bundle", "Decoded", "Face", "Limits", "NoFaceError", "Translated", "Translator", "UserError", "__version__",
        "decode", "find_faces", "shipped", "translate_picture", "write",
    }  # fmt: skip
    assert set(anime2real.__all__) == names
    assert all(getattr(anime2real, name) for name in anime2real.__all__)
    assert dir(anime2real) == sorted(anime2real.__all__)
    with pytest.raises(AttributeError, match="Translater"):
        anime2real.Translater  # noqa: B018
