"""What the pages say is so: every command is one that its program takes, every link leads somewhere, lines are short.

Commands of pages that `page_runs.py` does not run are parsed: `anime2real …` by our own parser, scripts and benchmarks
by theirs, which they are imported for, the rest by `parsing.OTHERS`. A program that is in no table fails.
"""

import argparse
import re
import subprocess
import sys
from pathlib import Path

import documented
import pytest
from documented import PAGES, RESEARCH, ROOT, Command, commands_of
from page_runs import NOT_RUN, RUN
from parsing import OTHERS, parse

pytestmark = pytest.mark.usefixtures("nothing_has_to_be_there")

RECORDS = {
    "docs/results.md": "how its figures came to be: archives that are not here, hours, a GPU",
    "docs/faces.md": "the same",
    "docs/methods.md": "the same",
    "docs/tilt.md": "the same",
    "docs/scale.md": "needs several GPUs; tests/train/test_distributed.py runs torchrun on the CPU",
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


@pytest.mark.parametrize("path", MARKDOWN, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_table_has_a_head(path: Path) -> None:
    """Rows behind an empty line begin a table of their own: without a head they are shown as text."""
    lines = ["", *path.read_text(encoding="utf-8").splitlines(), ""]
    first = [at for at in range(1, len(lines) - 1) if lines[at].startswith("|") and not lines[at - 1].strip()]
    headless = [at for at in first if not re.fullmatch(r"\|[ :|-]+\|", lines[at + 1].strip())]
    assert not headless, f"{path.relative_to(ROOT)}: the rows from line {headless} on"


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
