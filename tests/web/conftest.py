"""Tiny bundles, a server that offers them, and a browser."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import live
import pytest
import tiny
from chromium import ARGUMENTS, CHROMIUM
from live import EXAMPLES, Live
from page_watch import Seen
from PIL import Image

from anime2real.bundle.format import Bundle

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="session")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> list[Bundle]:
    """`cyclegan` to both domains and `difference` to real, which is brighter."""
    folder: Path = tmp_path_factory.mktemp("bundles")
    return [
        tiny.write_bundle(folder / "a", tiny.model(scale=-1.0)),
        tiny.write_bundle(folder / "b", source="real", target="anime"),
        tiny.write_bundle(folder / "c", tiny.model(add=0.25), method="difference"),
    ]


@pytest.fixture(scope="session")
def server(bundles: list[Bundle], tmp_path_factory: pytest.TempPathFactory) -> Iterator[live.Live]:
    """With the limits as they are; one more bundle takes label maps, so it is not offered."""
    folder: Path = tmp_path_factory.mktemp("maps")
    maps = tiny.write_bundle(folder / "m", method="galatea", classes=("sky", "skin"))
    with live.running([maps, *bundles]) as served:
        yield served


@pytest.fixture(scope="session")
def styled(bundles: list[Bundle], tmp_path_factory: pytest.TempPathFactory) -> Iterator[live.Live]:
    """The same with `galatea` to real, the best one there, which makes variants."""
    folder: Path = tmp_path_factory.mktemp("styled")
    more = tiny.write_bundle(folder / "d", tiny.styled_model(), method="galatea", conditions=("style",))
    with live.running([*bundles, more]) as served:
        yield served


@pytest.fixture(scope="session")
def told(bundles: list[Bundle], tmp_path_factory: pytest.TempPathFactory) -> Iterator[live.Live]:
    """The same with `galatea` to real, the best one there, which is told who to show, 18 to 60."""
    folder: Path = tmp_path_factory.mktemp("told")
    more = tiny.write_bundle(folder / "d", tiny.who_model(), method="galatea", conditions=("who",), ages=(18, 60))
    with live.running([*bundles, more]) as served:
        yield served


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture
def seen(browser: "Browser", server: Live) -> Iterator[Seen]:
    watcher = Seen(browser, f"{server.url}/")
    yield watcher
    assert not watcher.problems
    for context in browser.contexts:
        context.close()


@pytest.fixture(scope="session")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture of two faces."""
    canvas = Image.new("RGB", (700, 400), (230, 235, 240))
    canvas.paste(Image.open(EXAMPLES / "mika.png").resize((340, 340)), (20, 30))
    canvas.paste(Image.open(EXAMPLES / "aoi.png").resize((260, 260)), (410, 70))
    path = tmp_path_factory.mktemp("pictures") / "two.png"
    canvas.save(path)
    return path
