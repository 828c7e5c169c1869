"""Every command that the docs show is run, small, or parsed by the program that it calls; every link leads somewhere.

What is run: the pages in `RUN`, page by page, each command in the order of the page, in a folder with a few drawn
pictures and the tutorial's pack and run (the tutorial itself starts without these), with little networks in place of
those that ship. `small` says what is changed: sizes, budgets, networks, nothing else. By default trainings stop at
`--dry-run`, and stand-ins take the place of their bundles; with -m slow they train. What is not run, and why, is in
`RECORDS`, `NOT_RUN` and `SLOW`; it is parsed: `anime2real …` by our own parser, scripts and benchmarks by theirs, which
they are imported for, the rest by `parsing.OTHERS`. A program that is in no table fails.
"""

import argparse
import contextlib
import itertools
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
from glob import glob, has_magic
from pathlib import Path
from typing import Any

import clips
import documented
import pytest
import tiny
from documented import PAGES, RESEARCH, ROOT, SHELL, Command, commands_of
from drawn import drawn_set
from parsing import CURL, OTHERS, parse, refused
from PIL import Image

from anime2real.cli import main as cli
from anime2real.domain import DOMAINS, other

SIZE = 64
"""Pixels a side here: enough for faces to be found again."""

RUN = (
    "docs/tutorial.md",
    "README.md",
    "docs/index.md",
    "docs/translate.md",
    "docs/train.md",
    "docs/measure.md",
    "docs/study.md",
    "docs/serve.md",
    "docs/integrations.md",
)
"""Pages whose commands are run; the tutorial makes what the others begin with."""

RECORDS = {
    "docs/results.md": "how its figures came to be: archives that are not here, hours, a GPU",
    "docs/faces.md": "the same",
    "docs/methods.md": "the same",
    "docs/tilt.md": "the same",
    "docs/video.md": "needs ffmpeg and a film; its own tests run it",
    "docs/try.md": "needs npm's archive; tests/test_build_try.py runs it with a stand-in",
    "integrations/comfyui/README.md": "needs ComfyUI; tests/test_comfyui.py runs the node",
    "integrations/space/README.md": "needs gradio; tests/test_space.py starts it",
    "examples/README.md": "draws the examples again, which takes minutes",
}
"""Pages whose commands are parsed only, and why."""

MARKDOWN = [
    path for folder in (".", "docs", "research", "scripts", "examples", "integrations/*", "bundles/*", "LICENSES")
    for path in sorted(ROOT.glob(f"{folder}/*.md"))
]  # fmt: skip
"""All pages but the cards of bundles, which `ship.py` wrote."""

WIDTH = 120

AS_WRITTEN = {f"research/{name}.md" for name in ("lab-book", "results-2026-11", "results-earlier", "tilt")}
"""Records, which stay as they were written, long lines included."""

NOT_RUN = {
    r"^(pip|python -m venv|\.|cp|sphinx-build) ": "changes the environment, or makes the site (test_the_site does)",
    r"^(docker|hf) ": "needs the network or a daemon",
    r"\bhf://": "needs the network",
    r"^anime2real serve": "does not end; test_what_serves_answers, with -m slow",
    r"^python (-m http.server|scripts/build_try.py|integrations/space/app.py)": "needs the network, or does not end",
    r"^python benchmarks/": "takes minutes",
    r"^anime2real average": "wants runs that started together; tests/train/test_weight_averaging.py makes such",
    r"^pytest": "is what runs this",
    r"--inception": "needs a file that the reader brings",
    r"--features VGG": "needs a package that the tests do without",
    r"--start-from": "needs networks as large as what ships; tests/train/test_warmstart.py starts small ones",
}
"""Commands on pages that are run which are parsed only, and why."""

SLOW = r"^anime2real (export|evaluate|train .*--maps)"
"""Commands that are run with -m slow alone: they want what was really trained, or half a minute."""

SMALL_NETWORKS = {
    "difference": ["--batch-size", "4"],
    "autoencoder": ["--width", "8", "--batch-size", "4"],
    "cyclegan": ["--width", "8", "--blocks", "1", "--discriminator-width", "8", "--batch-size", "2"],
    "galatea": [
        "--width",
        "8",
        "--blocks",
        "2",
        "--set",
        "projection_width=8",
        "--set",
        "patch_width=8",
        "--batch-size",
        "2",
    ],
}


# --- running -------------------------------------------------------------------------------------------------------


def without(words: Sequence[str], options: Sequence[str]) -> list[str]:
    """The words without these options and their values."""
    kept: list[str] = []
    left_out = False
    for word in words:
        if word in options:
            left_out = True
        elif left_out:
            left_out = False
        else:
            kept.append(word)
    return kept


def small(words: Sequence[str]) -> list[str]:
    """A command of ours, of a size that takes a second."""
    kept = list(words)
    match words[0]:
        case "prepare":
            kept = [*without(kept, ["--size"]), "--size", str(SIZE), "--near", "0", "--quiet"]
        case "train":
            network = SMALL_NETWORKS[words[1]]
            budgets = ["--minutes", "--epochs", "--pairs", "--preset", "--steps"]
            kept = without(kept, [*budgets, "--device", *network[::2]])
            kept += ["--steps", "2", "--device", "cpu", "--quiet", *network]
        case "evaluate":
            kept = [*without(kept, ["--images"]), "--images", "4", "--quiet"]
        case "compare":
            kept = [*without(kept, ["--count"]), "--count", "2"]
        case "study":
            kept = without(kept, ["--simulate"])
            if not {"--report", "--csv", "--json"} & set(words):
                kept += ["--simulate", "2"]  # made-up raters in place of a page that is served
            kept += ["--comparisons", "1", "--controls", "1", "--checks", "1"]
    return kept


def expanded(words: Sequence[str]) -> list[str]:
    """With globs as a shell expands them; the program is given those in quotes too, which is as well."""
    return [found for word in words for found in (sorted(glob(word)) if has_magic(word) else []) or [word]]


def output_of(words: Sequence[str]) -> Path | None:
    """Where a command writes to."""
    return next((Path(value) for option, value in itertools.pairwise(words) if option == "-o"), None)


def not_run(command: Command) -> str | None:
    """Why a command on a page in `RUN` is not run."""
    line = " ".join(command.words)
    return next((why for pattern, why in NOT_RUN.items() if re.search(pattern, line)), None)


def stand_in(run: Path, method: str, *, styled: bool) -> None:
    """Bundles where a training would leave them."""
    made: dict[str, Any] = {"content": tiny.styled_model(SIZE), "conditions": ("style",)} if styled else {}
    for source in DOMAINS:
        target = other(source)
        folder = run / "bundles" / f"{method}-{source}-to-{target}"
        bundle: dict[str, Any] = {"content": tiny.model(SIZE), **made}
        tiny.write_bundle(folder, method=method, source=source, target=target, px=SIZE, **bundle)


def run_page(name: str, *, whole: bool = False) -> list[str]:
    """Run the page's commands and Python in the working folder, in their order; returns what was run.

    Args:
        name: of the page.
        whole: train, and run what is `SLOW`.
    """
    page = documented.read(ROOT / name)
    names: dict[str, Any] = {}
    done: list[str] = []
    made: set[Path] = set()
    for block in page.blocks:
        if block.language == "python":
            exec(compile(block.text, f"{block.page}:{block.line}", "exec"), names)
        for command in documented.commands_in(block) if block.language in SHELL else ():
            if command.words[0] == "curl" or not_run(command):
                continue
            if not whole and re.search(SLOW, " ".join(command.words)):
                continue
            if command.words[0] != "anime2real":
                refused(command, "run_page does not know how to run it: teach it, or say in NOT_RUN why not")
            output = output_of(command.words)
            if output is not None and output not in made:
                made.add(output)
                shutil.rmtree(output, ignore_errors=True)
            words = expanded(small(command.words[1:]))
            stops_short = words[0] == "train" and not whole and "--dry-run" not in words
            code = cli.main([*words, "--dry-run"] if stops_short else words)
            assert code == 0, f"{command}: exit code {code}"
            if stops_short:
                assert output is not None
                stand_in(output, words[1], styled="--style-weight" in words)
            done.append(" ".join(command.words[1:]))
    return done


@contextlib.contextmanager
def little_bundles(folder: Path) -> Iterator[None]:
    """In place of the bundles that ship."""
    for method in ("galatea", "cyclegan", "autoencoder", "difference"):
        tiny.write_bundle(folder / f"{method}-a", tiny.model(SIZE), method=method, px=SIZE).folder.rename(
            folder / f"{method}-anime-to-real"
        )
        tiny.write_bundle(
            folder / f"{method}-real-to-anime", tiny.model(SIZE), method=method, source="real", target="anime", px=SIZE
        )
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
    shutil.make_archive(str(folder / "drawings"), "zip", folder / "drawings")
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
        return folder, run_page("docs/tutorial.md", whole=True)


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
    assert {"train", "evaluate"} & set(kinds(run_page(page, whole=True)))


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


# --- all of them ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_command_is_one(path: Path) -> None:
    for command in commands_of(documented.read(path), frozenset(OTHERS)):
        parse(command)


def test_every_page_is_run_or_says_why_not() -> None:
    for path in PAGES:
        page = documented.read(path)
        if any(page.commands()):
            assert (page.name in RUN) != (page.name in RECORDS), f"{page.name}: put it in RUN or in RECORDS"


def test_every_reason_is_one() -> None:
    """No pattern that stands for nothing any more."""
    lines = [" ".join(c.words) for path in PAGES for c in documented.read(path).commands()]
    for pattern in NOT_RUN:
        assert any(re.search(pattern, line) for line in lines), pattern


@pytest.mark.parametrize(
    "line",
    [
        "anime2real translate a.png -o out --colour red",
        "anime2real train cyclegan --data pack -o run --minutes many",
        "anime2real train galatea --data pack -o run --pairing random",
        "python scripts/gallery.py --to real -o page.png",
        "python scripts/none.py",
        "python benchmarks/translate.py --rounds many",
        "research/train_shipped.sh",
        "pip install '.[none]'",
        "hf upload OWNER/NAME folder . --repo-tpye space",
        "curl -X POST http://127.0.0.1:8000/v1/faces",
        "wget https://example.org/pictures.zip",
    ],
)
def test_a_command_that_is_none_fails(line: str) -> None:
    (words,) = documented.split(line)
    with pytest.raises((pytest.fail.Exception, argparse.ArgumentError, SystemExit)):
        parse(Command("here", words))


def test_taking_a_page_apart() -> None:
    text = (
        "# A page, and `pip install x`\n\nSee [it](other.md#a-page):\n\n    anime2real methods  # what ships\n\n"
        "- an item\n  on two lines, ![seen](a.png)\n\n```sh\nKEY=$(make key) one \\\n  --two 'a # b' && three\n```\n"
    )
    page = documented.taken_apart(text, "page.md")
    assert [(c.where, c.words) for c in page.commands()] == [
        ("page.md:5", ("anime2real", "methods")),
        ("page.md:11", ("one", "--two", "a # b")),
        ("page.md:11", ("three",)),
    ]
    assert page.links() == ["other.md#a-page", "a.png"]
    assert list(page.mentioned()) == ["pip install x"]
    assert page.anchors() == {"a-page-and-pip-install-x"}
    with pytest.raises(ValueError, match=r"page\.md:3"):
        documented.taken_apart("- an item\n\n      anime2real methods\n", "page.md")
    with pytest.raises(ValueError, match="without an end"):
        documented.taken_apart("```sh\nanime2real methods\n", "page.md")


# --- links, the site, what the reference says ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    MARKDOWN,
    ids=lambda path: path.relative_to(ROOT).as_posix(),
)
def test_links_lead_somewhere(path: Path) -> None:
    page = documented.read(path)
    for link in page.links():
        if re.match("[a-z]+:", link):
            continue
        target, _, anchor = link.partition("#")
        there = (path.parent / target) if target else path
        assert there.exists(), f"{page.name}: {link}"
        if anchor:
            assert anchor in documented.read(there.resolve()).anchors(), f"{page.name}: {link}"


@pytest.mark.parametrize("path", [*PAGES, *RESEARCH], ids=lambda path: path.relative_to(ROOT).as_posix())
def test_files_that_are_named_are_there(path: Path) -> None:
    page = documented.read(path)
    for code in page.mentioned():
        if re.fullmatch(r"(scripts|research|benchmarks|docs|src|tests|examples|integrations)/[a-z0-9_./-]+\.\w+", code):
            assert (ROOT / code).exists(), f"{page.name}: {code}"


@pytest.mark.parametrize("path", MARKDOWN, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_lines_are_short(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    long = [number for number, line in enumerate(lines, 1) if len(line) >= WIDTH]
    name = path.relative_to(ROOT).as_posix()
    if name in AS_WRITTEN:
        assert long, f"{name} has no long line any more: take it out of AS_WRITTEN"
    else:
        assert not long, f"{name}: lines {long} have {WIDTH} characters or more"


def test_every_page_is_in_the_index() -> None:
    index = documented.read(ROOT / "docs" / "index.md")
    listed = {
        entry
        for block in index.blocks
        if block.language == "{toctree}"
        for entry in block.text.splitlines()
        if entry and not entry.startswith(":")
    }
    assert listed == {path.stem for path in (ROOT / "docs").glob("*.md")} - {"index"}


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


@pytest.mark.slow
def test_the_site(tmp_path: Path) -> None:
    pytest.importorskip("furo")
    pytest.importorskip("myst_parser")
    built = subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-d", str(tmp_path / "trees"), "docs",
         str(tmp_path / "site")],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
    pages = {path.stem: path.read_text(encoding="utf-8") for path in (tmp_path / "site").glob("*.html")}
    assert {path.stem for path in (ROOT / "docs").glob("*.md")} <= set(pages)
    for option in ("--ema-half-life", "--max-megapixels", "--layout", "--preference"):
        assert option in pages["commands"]
    for name in ("translator-load", "find-faces", "read-marks"):
        assert f'id="{name}"' in pages["api"]
    assert pages["methods"].count("<math") > 8
    for name, text in pages.items():  # whoever reads the site asks nobody else
        assert not re.search(r'<(script|link|img)[^>]*(src|href)="(https?:)?//', text), name
