"""The page in a browser, where there is one: `pytest -m browser`. Needs chromium, and Playwright's Python package."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import live
import pytest
from chromium import CHROMIUM, PHONE, wait
from live import EXAMPLES, Live
from PIL import Image

from anime2real.bundle.format import Bundle
from anime2real.image.provenance import GENERATED, read_marks

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

READY = "#copy:not([disabled])"
COLOUR = """(() => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d");
  canvas.drawImage(document.querySelector("#after"), 0, 0);
  return [...canvas.getImageData(0, 0, 1, 1).data.slice(0, 2)];
})()"""
"""Red and green of the result's first pixel."""
DONE = "document.querySelector('#status').textContent.startsWith('Done')"

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no chromium")]


class Seen:
    """Pages, and what went wrong on them: complaints of the console, and requests to anybody else."""

    def __init__(self, browser: "Browser", url: str) -> None:
        self._browser, self.url = browser, url
        self.problems: list[str] = []

    def open(self, **options: Any) -> "Page":
        page = self._browser.new_context(**options).new_page()
        page.set_default_timeout(15_000)
        page.on("console", lambda m: self._note(m.type, m.text))
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("request", lambda r: self._asked(r.url))
        page.goto(self.url)
        wait(page, "document.querySelector('#limits').textContent.includes('MB')")
        return page

    def _note(self, kind: str, text: str) -> None:
        if kind in ("error", "warning") and "Failed to load resource" not in text:  # errors that the page shows
            self.problems.append(text)

    def _asked(self, url: str) -> None:
        if not url.startswith((self.url, "blob:", "data:")):
            self.problems.append(f"asks {url}")


@pytest.fixture
def seen(browser: "Browser", server: Live) -> Iterator[Seen]:
    watcher = Seen(browser, f"{server.url}/")
    yield watcher
    assert not watcher.problems
    for context in browser.contexts:
        context.close()


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture of two faces."""
    canvas = Image.new("RGB", (700, 400), (230, 235, 240))
    canvas.paste(Image.open(EXAMPLES / "mika.png").resize((340, 340)), (20, 30))
    canvas.paste(Image.open(EXAMPLES / "aoi.png").resize((260, 260)), (410, 70))
    path = tmp_path_factory.mktemp("pictures") / "two.png"
    canvas.save(path)
    return path


def give(page: "Page", path: Path) -> None:
    """Choose a file and wait for the result."""
    page.set_input_files("#file", path)
    page.wait_for_selector(READY)
    wait(page, DONE)


def test_a_picture_is_given_and_a_face_chosen(seen: Seen, two: Path) -> None:
    page = seen.open()
    give(page, two)
    faces = page.get_by_role("group", name="Faces in the picture").get_by_role("button")
    assert faces.count() == 2
    assert [f.get_attribute("aria-pressed") for f in faces.all()] == ["true", "false"]
    first = page.get_attribute("#after", "src")
    assert page.is_checked("input[name=to][value=real]")
    faces.nth(1).click()
    wait(page, "first => document.querySelector('#after').src !== first", first)
    assert [f.get_attribute("aria-pressed") for f in faces.all()] == ["false", "true"]
    box, stage = faces.nth(1).bounding_box(), page.locator("#stage").bounding_box()
    assert box is not None
    assert stage is not None
    middle = (box["x"] + box["width"] / 2 - stage["x"]) / stage["width"]
    assert abs(middle - 540 / 700) < 0.05  # where the second face was put
    assert "Invented by a program" in page.inner_text("#work")


def test_the_slider_uncovers(seen: Seen, two: Path) -> None:
    page = seen.open()
    give(page, two)
    slider = page.get_by_role("slider")
    area = page.locator("#compare").bounding_box()
    assert area is not None
    page.mouse.click(area["x"] + area["width"] * 0.2, area["y"] + area["height"] / 2)
    assert abs(int(slider.input_value()) - 20) <= 2
    assert page.evaluate("getComputedStyle(document.querySelector('#before')).clipPath").startswith("inset(0px 8")
    slider.focus()
    page.keyboard.press("End")
    assert slider.input_value() == "100"
    assert slider.get_attribute("aria-valuetext") == "100 percent before"
    page.keyboard.press("ArrowLeft")
    assert slider.input_value() == "99"


def test_the_download_is_the_server_s_marked_file(seen: Seen, server: Live, two: Path, tmp_path: Path) -> None:
    page = seen.open()
    give(page, two)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename == "two-cyclegan-real.png"
    download.value.save_as(tmp_path / "x.png")
    assert read_marks(tmp_path / "x.png")["DigitalSourceType"] == GENERATED
    assert (tmp_path / "x.png").read_bytes() == server.post("/v1/translate", two.read_bytes()).content


def test_copy_puts_a_picture_on_the_clipboard(seen: Seen, two: Path) -> None:
    page = seen.open(permissions=["clipboard-read", "clipboard-write"])
    give(page, two)
    page.click("#copy")
    wait(page, "document.querySelector('#copy').textContent === 'Copied'")
    kinds = page.evaluate("navigator.clipboard.read().then(items => items.flatMap(item => item.types))")
    assert kinds == ["image/png"]


def test_a_picture_is_pasted_and_dropped(seen: Seen) -> None:
    page = seen.open()
    script = """([name, base64]) => {
      const content = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
      const carried = new DataTransfer();
      carried.items.add(new File([content], "aoi.png", { type: "image/png" }));
      const options = { bubbles: true, cancelable: true, clipboardData: carried, dataTransfer: carried };
      document.body.dispatchEvent(name === "paste" ? new ClipboardEvent(name, options) : new DragEvent(name, options));
    }"""
    content = base64.b64encode(live.FACE).decode()
    for name in ("paste", "drop"):
        page.evaluate(script, [name, content])
        page.wait_for_selector(READY)
        wait(page, DONE)
        page.get_by_role("button", name="New picture").click()
        assert page.get_by_role("heading", level=1).is_visible()


def test_the_direction_and_what_is_shown_can_be_changed(seen: Seen, two: Path) -> None:
    page = seen.open()
    give(page, two)
    page.get_by_role("radio", name="a drawing").check(force=True)
    wait(page, "document.querySelector('#status').textContent.includes('drawing')")
    assert page.inner_text("#heading") == "As a drawing"
    page.get_by_role("radio", name="a person").check(force=True)
    page.get_by_role("radio", name="whole picture").check(force=True)
    wait(page, "document.querySelector('#after').naturalWidth === 700")
    assert abs(int(page.input_value("#slider")) - 100 * 190 / 700) < 5  # at the face


def test_all_methods_side_by_side(seen: Seen, two: Path) -> None:
    page = seen.open()
    give(page, two)
    page.get_by_role("button", name="Show every method").click()
    wait(page, "[...document.querySelectorAll('.tile img')].filter(i => i.naturalWidth).length === 2")
    images = page.eval_on_selector_all(".tile img", "images => images.map(image => image.src)")
    assert len(set(images)) == 2
    before = page.get_attribute("#after", "src")
    page.get_by_role("radio", name="difference").check(force=True)
    assert page.get_attribute("#after", "src") != before
    assert page.get_attribute("#download", "download") == "two-difference-real.png"


def test_failures_are_told_in_words(seen: Seen, tmp_path: Path, two: Path) -> None:
    page = seen.open()
    (tmp_path / "words.png").write_text("no picture")
    page.set_input_files("#file", tmp_path / "words.png")
    alert = page.get_by_role("alert").first
    alert.wait_for()
    assert "not a picture" in alert.inner_text()
    assert page.get_by_role("button", name="Choose a picture").is_visible()
    Image.effect_mandelbrot((200, 150), (-2, -1, 1, 1), 50).convert("RGB").save(tmp_path / "none.png")
    page.set_input_files("#file", tmp_path / "none.png")
    wait(page, "document.querySelector('#problem').textContent.includes('No face')")
    page.get_by_role("button", name="Take its centre").click()
    wait(page, DONE)
    assert alert.is_hidden()
    (tmp_path / "large.png").write_bytes(bytes(17 * 2**20))
    page.set_input_files("#file", tmp_path / "large.png")
    wait(page, "document.querySelector('#problem').textContent.includes('17 MB')")


def test_a_phone(seen: Seen, two: Path) -> None:
    page = seen.open(**PHONE)
    assert page.get_by_role("button", name="Use the camera").is_visible()
    assert page.get_attribute("#camera", "capture") is not None
    give(page, two)
    page.get_by_role("button", name="Show every method").tap()
    wait(page, "[...document.querySelectorAll('.tile img')].filter(i => i.naturalWidth).length === 2")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    for control in ("#download", "#copy", "#again"):
        box = page.locator(control).bounding_box()
        assert box is not None
        assert box["height"] >= 44
        assert box["x"] + box["width"] <= 390


def test_the_keyboard_is_enough(seen: Seen, two: Path) -> None:
    page = seen.open()
    page.on("filechooser", lambda _: None)  # from here on no dialog opens, which nobody could answer

    def reach(selector: str) -> None:
        for _ in range(30):
            page.keyboard.press("Tab")
            if page.evaluate("selector => document.activeElement.matches(selector)", selector):
                outline = page.evaluate(
                    "(a => [a, a.nextElementSibling, a.parentElement]"
                    ".some(e => e && getComputedStyle(e).outlineStyle !== 'none'))(document.activeElement)"
                )
                assert outline, f"{selector} shows no focus"
                return
        raise AssertionError(f"{selector} cannot be reached")

    reach("#choose")
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Enter")
    chooser.value.set_files(two)
    wait(page, DONE)
    assert page.evaluate("document.activeElement.matches('.face')")  # not lost with the button that is gone
    page.keyboard.press("Tab")
    first = page.get_attribute("#after", "src")
    page.keyboard.press("Space")
    wait(page, "first => document.querySelector('#after').src !== first", first)
    assert page.locator(".face").nth(1).get_attribute("aria-pressed") == "true"
    reach("input[name=to]")
    page.keyboard.press("ArrowRight")
    wait(page, "document.querySelector('#status').textContent.includes('an invented drawing')")
    page.keyboard.press("ArrowLeft")
    wait(page, "document.querySelector('#status').textContent.includes('an invented person')")
    reach("#slider")
    page.keyboard.press("Home")
    assert page.input_value("#slider") == "0"
    reach("#download")
    with page.expect_download():
        page.keyboard.press("Enter")
    reach("input[name=method]")
    page.keyboard.press("ArrowRight")
    wait(page, "document.querySelector('#status').textContent.includes('by difference')")
    reach("#again")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "choose"


def test_the_page_asks_for_the_token(browser: "Browser", bundles: list[Bundle], two: Path) -> None:
    with live.running(bundles, token="letmein") as locked:
        page = browser.new_context().new_page()
        page.goto(locked.url)
        dialog = page.get_by_role("dialog")
        for word in ("wrong", "letmein"):
            dialog.wait_for()
            page.get_by_role("textbox", name="Token").fill(word)
            page.keyboard.press("Enter")
            if word == "wrong":
                wait(page, "document.querySelector('#ask-problem').textContent.includes('not it')")
        wait(page, "document.querySelector('#limits').textContent.includes('MB')")
        give(page, two)
        page.context.close()


def test_another_variant_is_a_click_away(browser: "Browser", styled: Live, two: Path) -> None:
    """By the method, where it makes variants; by the best that does, where it does not, and back again."""
    watcher = Seen(browser, f"{styled.url}/")
    page = watcher.open()
    give(page, two)
    shown = page.locator("#variants")
    assert shown.is_visible()
    usual = page.get_attribute("#after", "src")
    page.get_by_role("radio", name="3", exact=True).check(force=True)
    wait(page, f"document.querySelector('#after').src !== '{usual}'")
    assert (page.get_attribute("#download", "download") or "").endswith("-galatea-real-variant-3.png")
    page.get_by_role("radio", name="1", exact=True).check(force=True)
    wait(page, f"document.querySelector('#after').src === '{usual}'")  # kept, not asked for again
    page.locator("#tiles input[value=cyclegan]").check(force=True)
    wait(page, "document.querySelector('#after').alt.endsWith('by cyclegan')")
    own = page.get_attribute("#after", "src")
    assert shown.is_visible()
    page.get_by_role("radio", name="2", exact=True).check(force=True)
    wait(page, "document.querySelector('#after').alt.endsWith('by galatea')")
    assert page.locator("#tiles input:checked").get_attribute("value") == "galatea"
    page.get_by_role("radio", name="1", exact=True).check(force=True)
    wait(page, "document.querySelector('#after').alt.endsWith('by cyclegan')")
    assert page.get_attribute("#after", "src") == own
    page.get_by_role("radio", name="4", exact=True).check(force=True)
    wait(page, "document.querySelector('#after').alt.endsWith('by galatea')")
    give(page, two)  # another picture: the method that was chosen, not the one that somebody else came from
    wait(page, "document.querySelector('#after').alt.endsWith('by cyclegan')")
    page.get_by_role("radio", name="4", exact=True).check(force=True)
    wait(page, "document.querySelector('#after').alt.endsWith('by galatea')")
    page.locator("#tiles input[value=difference]").check(force=True)
    wait(page, "document.querySelector('#after').alt.endsWith('by difference')")
    assert page.locator("#variants input:checked").get_attribute("value") == "0"
    page.get_by_role("radio", name="2", exact=True).check(force=True)
    wait(page, "document.querySelector('#after').alt.endsWith('by galatea')")
    for to in ("anime", "real"):  # nobody makes several drawings, and the first person is shown again
        page.locator(f"input[name=to][value={to}]").check(force=True)
        wait(page, f"document.querySelector('#download').download.includes('-{to}')")
        assert page.locator("#variants").is_visible() == (to == "real")
    assert page.locator("#variants input:checked").get_attribute("value") == "0"
    assert not watcher.problems
    for context in browser.contexts:
        context.close()


def test_who_is_shown_is_chosen(browser: "Browser", told: Live, two: Path) -> None:
    """What changes is asked for once; what cannot be told goes by the picture; another face starts afresh."""
    watcher = Seen(browser, f"{told.url}/")
    page = watcher.open()
    requests: list[str] = []
    page.on("request", lambda r: requests.append(r.url) if r.url.endswith("/v1/translate") else None)
    give(page, two)
    who = page.get_by_role("group", name="Who is shown")
    age = page.get_by_label("Age")
    seen = page.get_attribute("#after", "src")

    def download() -> str | None:
        return page.get_attribute("#download", "download")

    def choose(sex: str, expected: str) -> None:
        who.get_by_role("radio", name=sex).check(force=True)
        wait(page, "expected => document.querySelector('#download').download === expected", expected)

    assert download() == "two-galatea-real.png"
    choose("a man", "two-galatea-real-man.png")
    man = page.get_attribute("#after", "src")
    age.select_option("45")
    wait(page, "document.querySelector('#download').download === 'two-galatea-real-man-age-45.png'")
    assert page.get_attribute("#after", "alt") == "An invented person (man, 45), made by galatea"
    assert "an invented person (man, 45), by galatea" in page.inner_text("#status")
    red, green = page.evaluate(COLOUR)
    assert (red, green) == (255, pytest.approx(127.5 * 1.45, abs=1))
    count = len(requests)
    age.select_option("")
    wait(page, "src => document.querySelector('#after').src === src", man)
    choose("as it looks", "two-galatea-real.png")
    assert page.get_attribute("#after", "src") == seen
    assert len(requests) == count == 3  # what was there before is kept
    assert age.locator("option:disabled").all_inner_texts() == ["75"]  # older than the method draws
    choose("a woman", "two-galatea-real-woman.png")
    page.locator("#tiles input[value=difference]").check(force=True)
    wait(page, "document.querySelector('#download').download === 'two-difference-real.png'")
    assert who.is_hidden()
    page.locator("#tiles input[value=galatea]").check(force=True)
    wait(page, "document.querySelector('#download').download === 'two-galatea-real-woman.png'")
    page.get_by_role("group", name="Faces in the picture").get_by_role("button").nth(1).click()
    wait(page, "document.querySelector('#download').download === 'two-galatea-real.png'")
    assert who.get_by_role("radio", name="as it looks").is_checked()
    assert not watcher.problems
    page.context.close()


def test_who_is_shown_is_chosen_by_keyboard_among_all_methods(browser: "Browser", told: Live, two: Path) -> None:
    watcher = Seen(browser, f"{told.url}/")
    page = watcher.open(**PHONE)
    give(page, two)
    page.get_by_role("button", name="Show every method").tap()
    wait(page, "[...document.querySelectorAll('.tile img')].filter(i => i.naturalWidth).length === 3")
    page.focus("input[name=sex]")
    page.keyboard.press("ArrowRight")
    wait(page, "document.querySelector('#download').download === 'two-galatea-real-woman.png'")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "age"
    page.keyboard.press("ArrowDown")
    wait(page, "document.querySelector('#download').download === 'two-galatea-real-woman-age-18.png'")
    page.locator("#tiles input[value=cyclegan]").check(force=True)  # whose tile is there: it goes by the picture
    wait(page, "document.querySelector('#download').download === 'two-cyclegan-real.png'")
    who = page.locator("#who")
    assert who.is_hidden()
    page.locator("#tiles input[value=galatea]").check(force=True)
    wait(page, "document.querySelector('#download').download === 'two-galatea-real-woman-age-18.png'")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    for control in ("#who .segments", "#age"):
        box = page.locator(control).bounding_box()
        assert box is not None
        assert box["height"] >= 44
        assert box["x"] + box["width"] <= 390
    assert not watcher.problems
    page.context.close()


def test_no_variants_are_offered_where_there_is_one_result(seen: Seen, two: Path) -> None:
    page = seen.open()
    give(page, two)
    assert not page.locator("#variants").is_visible()
    assert not page.locator("#who").is_visible()
