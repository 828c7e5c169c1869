"""Every page whose commands can be run is run (`page_runs.py`), and the formats are what the program writes."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import clips
import documented
import pytest
import tiny
from documented import PAGES, ROOT, Command
from drawn import drawn_set
from page_runs import RUN, SIZE, run_page, without
from parsing import CURL, refused
from PIL import Image

from anime2real.cli import main as cli
from anime2real.domain import DOMAINS, other


@contextlib.contextmanager
def little_bundles(folder: Path) -> Iterator[None]:
    """In place of the bundles that ship."""
    for method in ("galatea", "cyclegan", "autoencoder", "difference"):
        made: dict[str, Any] = {"content": tiny.model(SIZE), "method": method, "px": SIZE}
        if method == "galatea":
            made |= {"content": tiny.who_model(SIZE), "conditions": ("who",)}
        for source in DOMAINS:
            target = other(source)
            tiny.write_bundle(folder / f"{method}-{source}-to-{target}", source=source, target=target, **made)
    several = folder / "galatea-styles-anime-to-real"
    tiny.write_bundle(several, tiny.styled_model(SIZE), method="galatea-styles", px=SIZE, conditions=("style",))
    with pytest.MonkeyPatch.context() as patch:
        tiny.ship_only(patch, folder)
        yield


@pytest.fixture(scope="module")
def beginning(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder that the tutorial begins with: pictures and archives; and little bundles for those that ship."""
    folder = tmp_path_factory.mktemp("beginning")
    examples = [ROOT / "examples" / name for name in ("aoi.png", "kuro.png")]
    for where in ("examples", "folder", "crops"):
        (folder / where).mkdir()
    for path in examples:
        shutil.copy(path, folder / "examples")
    shutil.copy(ROOT / "examples" / "hana.png", folder / "folder")
    shutil.copy(ROOT / "examples" / "rin.png", folder / "crops")
    shutil.copytree(ROOT / "examples" / "photographs", folder / "examples" / "photographs")
    shutil.copy(examples[0], folder / "drawing.png")
    shutil.copy(ROOT / "docs" / "pictures" / "astronaut.jpg", folder / "me.jpg")
    with Image.open(examples[0]) as one, Image.open(examples[1]) as two:
        group = Image.new("RGB", (one.width + two.width, max(one.height, two.height)), "white")
        group.paste(one.convert("RGB"), (0, 0))
        group.paste(two.convert("RGB"), (one.width, 0))
    for name in ("friends.jpg", "group.jpg"):
        group.save(folder / name)
    clips.encode(folder / "clip.mp4", clips.moving(4)[0])
    drawn_set(folder / "drawings", recoloured=False, test_every=2)
    drawn_set(folder / "photographs", recoloured=True, test_every=2)
    for path in (folder / "photographs").rglob("*.png"):
        part = folder / "parts" / path.relative_to(folder / "photographs")
        part.parent.mkdir(parents=True, exist_ok=True)
        with Image.open(path) as image:  # three classes, by brightness
            image.convert("L").point([value * 3 // 256 for value in range(256)]).save(part)
    for name in ("drawings", "photographs", "parts"):
        shutil.make_archive(str(folder / name), "zip", folder / name)
    for domain, origin in (("A", "photographs"), ("B", "drawings")):
        for split in ("train", "test"):
            shutil.copytree(folder / origin / split, folder / "both" / f"{split}{domain}")
    shutil.make_archive(str(folder / "both"), "zip", folder / "both")
    with little_bundles(tmp_path_factory.mktemp("shipped")):
        yield folder


@pytest.fixture(scope="module")
def workshop(beginning: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """The folder that the other pages begin with, and what the tutorial ran to make it."""
    folder = shutil.copytree(beginning, tmp_path_factory.mktemp("workshop") / "work")
    with contextlib.chdir(folder):
        return folder, run_page("docs/tutorial.md")


@pytest.fixture(scope="module")
def trained(beginning: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """As `workshop`, with everything trained."""
    folder = shutil.copytree(beginning, tmp_path_factory.mktemp("trained") / "work")
    with contextlib.chdir(folder):
        return folder, run_page("docs/tutorial.md", train=True)


def kinds(lines: Sequence[str]) -> list[str]:
    """The commands, each where it comes first."""
    return list(dict.fromkeys(line.split()[0] for line in lines))


def test_the_tutorial_runs(workshop: tuple[Path, list[str]]) -> None:
    folder, ran = workshop
    assert kinds(ran) == ["methods", "translate", "inspect", "prepare", "train", "compare"]
    for made in ("out/aoi.png", "page.html", "shipped.html", "people/aoi.png", "aoi.png"):
        assert (folder / made).exists(), made
    with Image.open(folder / "people" / "aoi.png") as person:
        assert person.size == (SIZE, SIZE)


@pytest.mark.slow
def test_the_tutorial_trains(trained: tuple[Path, list[str]]) -> None:
    folder, ran = trained
    assert kinds(ran) == ["methods", "translate", "inspect", "prepare", "train", "export", "compare", "evaluate"]
    assert len(json.loads((folder / "figures.json").read_text())["results"]) == 4
    for made in ("run/samples", "run/stats.jsonl", "early/cyclegan-anime-to-real/model.onnx", "people/aoi.png"):
        assert (folder / made).exists(), made


@pytest.mark.parametrize("page", RUN[1:])
def test_a_page_runs(
    page: str, workshop: tuple[Path, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shutil.copytree(workshop[0], tmp_path / "work")
    monkeypatch.chdir(folder)
    run_page(page)


@pytest.mark.slow
@pytest.mark.parametrize("page", ["README.md", "docs/train.md", "docs/measure.md"])
def test_a_page_trains(
    page: str, trained: tuple[Path, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shutil.copytree(trained[0], tmp_path / "work")
    monkeypatch.chdir(folder)
    assert {"train", "evaluate"} & set(kinds(run_page(page, train=True)))


def test_curl(workshop: tuple[Path, list[str]]) -> None:
    from fastapi.testclient import TestClient

    from anime2real.bundle.registry import shipped
    from anime2real.web.app import create_app
    from anime2real.web.settings import Settings

    asked = []
    with TestClient(create_app(shipped(), Settings()), base_url="http://127.0.0.1:8000") as client:
        for path in PAGES:
            for command in documented.read(path).commands():
                if command.words[0] != "curl":
                    continue
                options = CURL.parse_args(command.words[1:])
                fields = [field.split("=", 1) for field in options.F]
                files = {k: (v[1:], (workshop[0] / v[1:]).read_bytes()) for k, v in fields if v.startswith("@")}
                data = {k: v for k, v in fields if not v.startswith("@")}
                answer = client.post(options.url, files=files, data=data)
                assert answer.status_code == 200, f"{command}: {answer.text}"
                kind = "image/png" if options.o else "application/json"
                assert answer.headers["content-type"].startswith(kind), command
                asked.append(options.url)
    assert len(asked) >= 4


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        command
        for path in PAGES
        for command in documented.read(path).commands()
        if command.words[:2] == ("anime2real", "serve")
    ],
    ids=str,
)
def test_what_serves_answers(command: Command, workshop: tuple[Path, list[str]]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [*without(command.words[1:], ["--port", "--host"]), "--port", str(port)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    served = subprocess.Popen([sys.executable, "-m", "anime2real", *words], cwd=workshop[0], env=environment)
    try:
        for _ in range(100):
            time.sleep(0.3)
            assert served.poll() is None, command
            with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz") as answer:
                assert answer.status == 200
                break
        else:
            refused(command, "it does not answer")
    finally:
        served.send_signal(signal.SIGINT)
        assert served.wait(30) in (0, 130)


def told_by_the_formats() -> set[str]:
    """The names in docs/formats.md."""
    text = (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")
    return set(re.findall(r"`([^`\n]+)`", text)) | set(re.findall(r'"(\w+)":', text))


def test_the_formats_name_every_key(workshop: tuple[Path, list[str]], capsys: pytest.CaptureFixture[str]) -> None:
    folder = workshop[0]
    bundle = folder / "run/bundles/cyclegan-anime-to-real"
    wanted = {path.name for where in (bundle, folder / "pack") for path in where.iterdir()}
    wanted |= set(json.loads((bundle / "bundle.json").read_text()))
    wanted |= set(json.loads((folder / "pack/meta.json").read_text()))
    wanted |= set(json.loads((folder / "pack/index.jsonl").read_text().splitlines()[0]))
    for command in ("inspect", "translate"):
        options = ["-o", str(folder / "told")] if command == "translate" else []
        assert cli.main([command, str(folder / "friends.jpg"), "--json", *options]) == 0
        line = json.loads(capsys.readouterr().out)
        wanted |= {*line, *line["faces"][0]}
    assert "outputs" in wanted
    assert wanted <= told_by_the_formats(), wanted - told_by_the_formats()
    for block in documented.read(ROOT / "docs" / "formats.md").blocks:
        assert isinstance(json.loads(block.text), dict)


@pytest.mark.slow
def test_the_formats_name_what_training_writes(trained: tuple[Path, list[str]]) -> None:
    folder, told = trained[0], told_by_the_formats()
    figures = json.loads((folder / "figures.json").read_text())
    assert set(figures) <= told
    names = {path.name + ("/" if path.is_dir() else "") for path in (folder / "run").iterdir()}
    (sample, *_), (point, *_) = sorted((folder / "run/samples").iterdir()), (folder / "run/checkpoints").iterdir()
    assert names - {"samples/", "checkpoints/"} <= told
    assert re.sub(r"\d+", "N", f"samples/{sample.name}") in told
    assert re.sub(r"\d+", "N", f"checkpoints/{point.name}/") in told
    assert {path.name for path in point.iterdir()} <= told


def test_documents_are_written_in_lines_under_120_characters() -> None:
    """Prose: tables, pictures, commands and headings are as long as they are."""
    from anime2real.bundle.registry import shipped

    cards = [bundle.folder / "README.md" for bundle in shipped()]
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("research/**/*.md"), *cards]
    for page in pages:
        text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
        prose = [line for line in text.splitlines() if not line.startswith(("|", "![", "#", "    "))]
        assert [line for line in prose if len(line) > 120] == [], page
