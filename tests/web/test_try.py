"""The page that runs in the browser alone, in a browser: `pytest -m browser`. test_try_modules.py needs none.

Needs chromium, Playwright's Python package and npm's onnxruntime-web: `ONNXRUNTIME_WEB_TARBALL` names the file, else it
is fetched once and kept in pytest's cache.
"""

import functools
import http.server
import os
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import build_try
import numpy as np
import pytest
import tiny
from chromium import CHROMIUM, PHONE, wait
from live import EXAMPLES, http_server
from numpy.typing import NDArray
from PIL import Image

from anime2real import Translator
from anime2real.bundle.format import Bundle
from anime2real.domain import Domain
from anime2real.image.provenance import GENERATED, SOFTWARE, read_marks
from anime2real.pipeline import compose, crop_faces, faces_in

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

READY = "#save:not([hidden])"
TIMEOUT_MS = 60_000
"""Milliseconds: on a busy core the networks take their time."""

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no chromium")]


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Not a word."""


@pytest.fixture(scope="module")
def runtime(pytestconfig: pytest.Config) -> dict[str, bytes]:
    """The files of onnxruntime-web, by name."""
    given = os.environ.get("ONNXRUNTIME_WEB_TARBALL")
    assert pytestconfig.cache is not None
    kept = pytestconfig.cache.mkdir("onnxruntime-web") / f"{build_try.VERSION}.tgz"
    path = Path(given) if given else kept
    if not given and not kept.is_file():
        try:
            content = build_try.checked(build_try.fetch(os.environ.get("npm_config_registry") or build_try.REGISTRY))  # noqa: SIM112
        except build_try.BuildError as error:
            pytest.skip(f"{error}; or set ONNXRUNTIME_WEB_TARBALL to it")
        kept.write_bytes(content)
    return build_try.unpacked(build_try.checked(path.read_bytes()))


@contextmanager
def built(folder: Path, runtime: dict[str, bytes], bundles: Sequence[Bundle]) -> Iterator[str]:
    """The page with bundles, served: its address."""
    build_try.build(folder, runtime, bundles)
    with http_server(functools.partial(Quiet, directory=str(folder))) as address:
        yield address


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, runtime: dict[str, bytes]) -> Iterator[str]:
    """The page with what ships."""
    with built(tmp_path_factory.mktemp("site") / "try", runtime, build_try.chosen(None, [])) as address:
        yield address


class Seen:
    """Pages, what they asked for, and what went wrong on them."""

    def __init__(self, browser: "Browser", url: str) -> None:
        self._browser, self.url = browser, url
        self.problems: list[str] = []
        self.asked: list[str] = []

    def open(self, **options: Any) -> "Page":
        context = self._browser.new_context(**options)
        context.on("request", lambda r: self.asked.append(f"{r.method} {r.url}"))  # the worker's too
        page = context.new_page()
        page.set_default_timeout(TIMEOUT_MS)
        page.on("console", lambda m: self.problems.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.goto(self.url)
        wait(page, "document.querySelector('#limits').textContent.includes('MB')")
        return page


@pytest.fixture
def seen(browser: "Browser", site: str) -> Iterator[Seen]:
    watcher = Seen(browser, site)
    yield watcher
    for context in browser.contexts:
        context.close()
    assert not watcher.problems
    for asked in watcher.asked:
        assert asked.startswith((f"GET {site}", "GET blob:")), asked
        assert "?" not in asked


def give(page: "Page", picture: Path) -> None:
    """Choose a file and wait for the result."""
    page.set_input_files("#file", picture)
    page.wait_for_selector(READY)


def download(page: "Page", folder: Path) -> Path:
    with page.expect_download() as waiting:
        page.click("#download")
    path = folder / waiting.value.suggested_filename
    waiting.value.save_as(path)
    return path


def differences(path: Path, wanted: Image.Image) -> NDArray[np.int_]:
    """Absolute differences, in grey levels."""
    with Image.open(path) as image:
        got = np.asarray(image.convert("RGB")).astype(int)
    return np.abs(got - np.asarray(wanted).astype(int))


@pytest.mark.parametrize(
    ("picture", "domain", "to"),
    [
        (EXAMPLES / "aoi.png", "drawn", "real"),
        (EXAMPLES.parent / "docs" / "pictures" / "astronaut.jpg", "photographed", "anime"),
    ],
    ids=["drawing", "photograph"],
)
def test_a_picture_becomes_what_python_makes_of_it(
    seen: Seen, tmp_path: Path, picture: Path, domain: str, to: Domain
) -> None:
    """With its colours, without which a thousandth of the drawing's result is more than eight grey levels away."""
    page = seen.open()
    give(page, picture)
    assert page.is_checked(f"input[name=to][value={to}]")
    assert page.inner_text("#found") == f"One face found, {domain}."
    assert "Invented by a program. Not a likeness of anybody" in page.inner_text("#work")
    path = download(page, tmp_path)
    translator = Translator.load(None, to)
    assert path.name == f"{picture.stem}-{translator.bundle.method}-{to}.png"
    apart = differences(path, translator(picture))
    print(f"\n{picture.stem}: {apart.mean():.3f} grey levels from Python, {apart.max()} at most")
    assert apart.mean() < 0.5
    assert (apart > 8).mean() < 3e-4
    assert read_marks(path) == {"DigitalSourceType": GENERATED, "Software": SOFTWARE}
    assert any(asked.endswith(".wasm") for asked in seen.asked)


def test_the_other_way_and_another_face(seen: Seen, tmp_path: Path) -> None:
    canvas = Image.new("RGB", (700, 400), (230, 235, 240))
    for name, side, place in [("mika", 340, (20, 30)), ("aoi", 260, (410, 70))]:
        with Image.open(EXAMPLES / f"{name}.png") as image:
            canvas.paste(image.convert("RGB").resize((side, side)), place)
    canvas.save(tmp_path / "two.png")
    page = seen.open()
    give(page, tmp_path / "two.png")
    boxes = page.get_by_role("group", name="Faces in the picture").get_by_role("button")
    assert boxes.count() == 2
    first = page.get_attribute("#after", "src")
    boxes.nth(1).focus()
    page.keyboard.press("Enter")
    wait(page, "first => document.querySelector('#after').src !== first", first)
    assert boxes.nth(1).get_attribute("aria-pressed") == "true"
    page.focus("input[name=to][value=real]")
    page.keyboard.press("ArrowRight")
    wait(page, "document.querySelector('#download').download.endsWith('-anime.png')")
    assert page.inner_text("#heading") == "As a drawing"
    assert download(page, tmp_path).name.endswith("-anime.png")
    slider = page.get_by_role("slider")
    slider.focus()
    page.keyboard.press("End")
    assert slider.input_value() == "100"


def test_who_is_shown_is_chosen(browser: "Browser", runtime: dict[str, bytes], tmp_path: Path) -> None:
    """As Python has it: the bundle paints what it is told."""
    told = tiny.write_bundle(tmp_path / "b", tiny.who_model(), conditions=("who",), ages=(18, 60))
    plain = tiny.write_bundle(tmp_path / "c", source="real", target="anime")
    picture = EXAMPLES / "aoi.png"
    translate = Translator(told)
    with built(tmp_path / "try", runtime, [told, plain]) as address:
        watcher = Seen(browser, address)
        page = watcher.open()
        give(page, picture)
        who, age = page.get_by_role("group", name="Who is shown"), page.get_by_label("Age")

        def check(asked: str, name: str) -> None:
            wait(page, f"document.querySelector('#download').download === '{name}'")
            path = download(page, tmp_path)
            assert path.name == name
            assert differences(path, translate(picture, who=asked)).mean() < 1

        check("auto", "aoi-cyclegan-real.png")  # the worker has read it off the face
        who.get_by_role("radio", name="a man").check(force=True)
        check("man", "aoi-cyclegan-real-man.png")
        age.select_option("45")
        check("man, 45", "aoi-cyclegan-real-man-age-45.png")
        assert page.get_attribute("#after", "alt") == "An invented person (man, 45), made by cyclegan"
        assert age.locator("option:disabled").all_inner_texts() == ["75"]
        page.locator("input[name=to][value=anime]").check(force=True)
        wait(page, "document.querySelector('#download').download === 'aoi-cyclegan-anime.png'")
        assert who.is_hidden()
        assert download(page, tmp_path).name == "aoi-cyclegan-anime.png"
        page.context.close()
    assert not watcher.problems


@pytest.mark.parametrize(
    ("content", "place", "words"),
    [(b"no picture", "#failed", "no picture that your browser can read"), (None, "#unfound", "No face was found")],
    ids=["text", "grey"],
)
def test_what_cannot_be_translated(seen: Seen, tmp_path: Path, content: bytes | None, place: str, words: str) -> None:
    if content is None:
        Image.new("RGB", (300, 200), (128, 128, 128)).save(tmp_path / "grey.png")
        content = (tmp_path / "grey.png").read_bytes()
    page = seen.open()
    page.set_input_files("#file", {"name": "x.png", "mimeType": "image/png", "buffer": content})
    page.wait_for_selector(f"{place}:not([hidden])")
    assert words in page.inner_text(place)
    give(page, EXAMPLES / "aoi.png")  # the page goes on
    assert page.is_hidden(place)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone(seen: Seen, scheme: str) -> None:
    page = seen.open(**PHONE, color_scheme=scheme)
    shots = os.environ.get("SCREENSHOTS")
    if shots:
        page.screenshot(path=f"{shots}/phone-{scheme}-start.png", full_page=True)
    give(page, EXAMPLES / "hana.png")
    wide = "document.documentElement.scrollWidth <= window.innerWidth"
    assert page.evaluate(wide)
    if shots:
        page.screenshot(path=f"{shots}/phone-{scheme}.png", full_page=True)
        page.set_viewport_size({"width": 1200, "height": 850})
        page.screenshot(path=f"{shots}/wide-{scheme}.png", full_page=True)


def test_whole_pictures_and_faces_marked_by_hand(seen: Seen, tmp_path: Path) -> None:
    """As Python has them."""
    canvas = Image.new("RGB", (700, 400), (230, 235, 240))
    with Image.open(EXAMPLES / "mika.png") as image:
        canvas.paste(image.convert("RGB").resize((340, 340)), (20, 30))
    canvas.save(tmp_path / "one.png")
    page = seen.open()
    give(page, tmp_path / "one.png")
    page.get_by_role("radio", name="the whole picture").check(force=True)
    wait(page, "document.querySelector('#after').naturalWidth === 700")
    translator = Translator.load(None, "real")
    crops = crop_faces(canvas, faces_in(canvas), translator.bundle)
    made = translator.translate(crops.pixels, crops.landmarks, 0, crops.who)
    (wanted,) = compose(crops, made, "paste")  # along the outline of the head
    assert differences(download(page, tmp_path), wanted).mean() < 0.3
    page.get_by_role("button", name="Mark another face").click()
    page.get_by_role("button", name="Use this face").click()
    wait(page, "document.querySelector('#after').alt.includes('2 faces')")


def test_it_works_offline_after_one_visit(browser: "Browser", runtime: dict[str, bytes], tmp_path: Path) -> None:
    """From a sub-path; its files come from the service worker, with the headers that allow threads."""
    build_try.build(tmp_path / "site" / "some" / "where", runtime, build_try.chosen(None, []))
    with http_server(functools.partial(Quiet, directory=str(tmp_path / "site"))) as address:
        watcher = Seen(browser, f"{address}some/where/")
        page = watcher.open()
        wait(page, "navigator.serviceWorker.ready.then(() => true)")
        assert page.evaluate("crossOriginIsolated") is False
    page.reload()  # the server is gone
    wait(page, "document.querySelector('#limits').textContent.includes('MB')")
    assert page.evaluate("crossOriginIsolated")
    start = time.monotonic()
    give(page, EXAMPLES / "aoi.png")
    print(f"\nfirst drawing {time.monotonic() - start:.1f} s after loading")
    assert page.evaluate("fetch('app.webmanifest').then(r => r.json()).then(m => m.display)") == "standalone"
    page.context.close()


def test_the_worker_may_ask_no_other_server(browser: "Browser", site: str) -> None:
    page = Seen(browser, site).open()
    (worker,) = page.workers
    elsewhere = re.sub(r":\d+/", ":9/", site)
    blocked = f"""new Promise((resolve) => {{
      addEventListener("securitypolicyviolation", (event) => resolve(event.effectiveDirective), {{ once: true }});
      fetch("{elsewhere}").catch(() => setTimeout(() => resolve("only failed"), 1000));
    }})"""
    assert worker.evaluate(blocked) == "connect-src"
    page.context.close()
