"""The Hugging Face Space: what the Hub reads of it, and the app itself, started and asked."""

import ast
import importlib.util
import os
import socket
import subprocess
import sys
import time
import tomllib
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tiny
import yaml  # type: ignore[import-untyped]
from PIL import Image

import anime2real
from anime2real.image.provenance import read_marks

ROOT = Path(__file__).parent.parent
SPACE = ROOT / "integrations" / "space"
needs_gradio = pytest.mark.skipif(importlib.util.find_spec("gradio") is None, reason="gradio is not installed")


def header() -> dict[str, str]:
    """The YAML at the top of the Space's README."""
    empty, told, text = (SPACE / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    assert not empty
    assert text.strip()
    found = yaml.safe_load(told)
    assert isinstance(found, dict)
    return found


def test_what_the_hub_reads() -> None:
    told = header()
    assert told["sdk"] == "gradio"
    assert (SPACE / told["app_file"]).is_file()
    assert isinstance(told["python_version"], str)  # unquoted, 3.10 would be read as 3.1
    assert isinstance(told["sdk_version"], str)
    assert len(told["short_description"]) <= 60
    colours = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}
    assert {told["colorFrom"], told["colorTo"]} <= colours
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert f"{project['name']}[methods]>=0.1,<1" in (SPACE / "requirements.txt").read_text().splitlines()


@pytest.mark.parametrize("file", ["space/app.py", "comfyui/nodes.py"])
def test_integrations_import_public_names_alone(file: str) -> None:
    """Without Gradio and ComfyUI."""
    tree = ast.parse((SPACE.parent / file).read_text(encoding="utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module]
    ours = [node for node in imports if str(node.module).startswith("anime2real")]
    assert [node.module for node in ours] == ["anime2real"]
    assert {alias.name for alias in ours[0].names} <= set(anime2real.__all__)


def test_it_says_that_the_person_is_invented() -> None:
    for file in ("app.py", "README.md"):
        assert "The person is invented" in (SPACE / file).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The app, as the Hub starts it, on a free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    scratch = tmp_path_factory.mktemp("space")
    environment = {
        **os.environ, "GRADIO_SERVER_PORT": str(port), "GRADIO_TEMP_DIR": str(scratch), "TMPDIR": str(scratch),
        "PYTHONPATH": str(ROOT / "src"),
    }  # fmt: skip
    log = (scratch / "log.txt").open("w+")
    app = subprocess.Popen([sys.executable, str(SPACE / "app.py")], env=environment, stdout=log, stderr=log)
    url, end = f"http://127.0.0.1:{port}/", time.monotonic() + 120
    try:
        while True:
            try:
                urllib.request.urlopen(f"{url}config", timeout=5).close()
                break
            except OSError:
                log.seek(0)
                assert app.poll() is None, log.read()
                assert time.monotonic() < end, "the app does not answer"
                time.sleep(0.5)
        yield url
    finally:
        app.terminate()
        app.wait(20)
        log.close()


@needs_gradio
@pytest.mark.integration
@pytest.mark.parametrize(
    ("picture", "direction", "layout", "size", "words"),
    [
        ("examples/aoi.png", "what it is not", "the face", (256, 256), "An invented person, made by"),
        ("examples/aoi.png", "a person", "before and after", (512, 256), "An invented person, made by"),
        ("docs/pictures/astronaut.jpg", "what it is not", "the whole picture", None, "A drawing, made by"),
    ],
)
def test_a_picture_goes_in_and_a_marked_one_comes_out(
    address: str, picture: str, direction: str, layout: str, size: tuple[int, int] | None, words: str
) -> None:
    from gradio_client import Client, handle_file  # type: ignore[import-untyped]

    client = Client(address, verbose=False)
    file, said = client.predict(
        handle_file(str(ROOT / picture)), direction, "best", layout, True, api_name="/translate"
    )
    with Image.open(ROOT / picture) as given, Image.open(file) as result:
        assert result.format == "PNG"
        assert result.size == (size or given.size)
    assert read_marks(file)["DigitalSourceType"].endswith("trainedAlgorithmicMedia")
    assert said.startswith(words)


@needs_gradio
@pytest.mark.integration
def test_who_is_shown_can_be_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the function that the page calls, with a bundle that paints sex in red and age / 100 in green."""
    bundles = tmp_path / "bundles"
    tiny.write_bundle(bundles / "galatea-anime-to-real", tiny.who_model(), method="galatea", conditions=("who",))
    tiny.ship_only(monkeypatch, bundles)
    spec = importlib.util.spec_from_file_location("space_app", SPACE / "app.py")
    assert spec is not None
    assert spec.loader is not None
    app = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(app)
    given = (str(ROOT / "examples" / "aoi.png"), "a person", "best", "the face", True)

    def heard(sex: str, age: str) -> list[float]:
        with Image.open(app.translate(*given, sex, age)[0]) as made:
            return (np.asarray(made)[0, 0, :2] / 127.5 - 1).tolist()

    assert heard("a man", "45") == pytest.approx([1.0, 0.45], abs=0.01)
    assert heard("a woman", "18") == pytest.approx([-1.0, 0.18], abs=0.01)
    assert heard("as it looks", "60")[1] == pytest.approx(0.6, abs=0.01)
    labels = {part.label: part.visible for part in app.page().blocks.values() if hasattr(part, "label")}
    assert (labels["Who is shown"], labels["Age"]) == (True, True)


@needs_gradio
@pytest.mark.integration
def test_a_method_that_cannot_be_told_who_to_show_says_so(address: str) -> None:
    from gradio_client import Client, handle_file
    from gradio_client.exceptions import AppError

    given = (handle_file(str(ROOT / "examples" / "aoi.png")), "a person", "difference", "the face", True)
    with pytest.raises(AppError, match="cannot be told who to show"):
        Client(address, verbose=False).predict(*given, "a man", "as it looks", api_name="/translate")


@needs_gradio
@pytest.mark.integration
def test_what_fails_is_said_in_one_line(address: str, tmp_path: Path) -> None:
    from gradio_client import Client, handle_file
    from gradio_client.exceptions import AppError  # type: ignore[import-untyped]

    Image.new("RGB", (64, 64)).save(tmp_path / "black.png")
    client = Client(address, verbose=False)
    with pytest.raises(AppError, match="no face found"):
        client.predict(
            handle_file(str(tmp_path / "black.png")), "a person", "best", "the face", True, api_name="/translate"
        )


@needs_gradio
@pytest.mark.integration
def test_the_page_offers_the_examples(address: str) -> None:
    with urllib.request.urlopen(f"{address}config", timeout=10) as answer:
        config = answer.read().decode()
    for name in sorted(path.name for path in (ROOT / "examples").glob("*.png")):
        assert name in config
    assert "The person is invented" in config
