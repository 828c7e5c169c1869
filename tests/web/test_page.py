"""The page in a browser, where there is one: `pytest -m browser`. Needs chromium, and Playwright's Python package."""

import base64
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import live
import pytest
from axe_playwright_python.sync_playwright import Axe
from chromium import CHROMIUM, PHONE, wait
from live import EXAMPLES, Live
from PIL import Image

from anime2real.bundle.format import Bundle
from anime2real.image.provenance import GENERATED, read_marks

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

READY = "#save:not([hidden])"
COLOUR = """(() => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d");
  canvas.drawImage(document.querySelector("#after"), 0, 0);
  return [...canvas.getImageData(0, 0, 1, 1).data.slice(0, 2)];
})()"""
"""Red and green of the result's first pixel."""
TILES = "count => [...document.querySelectorAll('.tile img')].filter(i => i.naturalWidth).length === count"
LIMITS = "document.querySelector('#limits').textContent.includes('MB')"
KEPT = """new Promise((resolve) => {
  indexedDB.open("anime2real").onsuccess = ({ target: { result } }) => {
    result.transaction("tabs").objectStore("tabs").getAllKeys().onsuccess = (done) => {
      result.close();
      resolve(done.target.result);
    };
  };
})"""
CUT = """[...document.querySelectorAll("button, legend, span, h1, h2, strong, small, label, .caption")]
  .filter((e) => e.checkVisibility() && !e.matches(".unseen, .standing") && e.scrollWidth > e.clientWidth + 1)
  .filter((e) => getComputedStyle(e).display !== "inline")
  .map((e) => e.outerHTML.slice(0, 90))"""
"""Elements with words that are wider than they are."""
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
        wait(page, LIMITS)
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
    box, stage = page.locator(".frame").nth(1).bounding_box(), page.locator("#stage").bounding_box()
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
    page.get_by_role("radio", name="the whole picture").check(force=True)
    wait(page, "document.querySelector('#after').naturalWidth === 700")
    assert abs(int(page.input_value("#slider")) - 100 * 190 / 700) < 5  # at the face


def test_all_methods_side_by_side(seen: Seen, two: Path) -> None:
    page = seen.open()
    give(page, two)
    page.get_by_role("button", name="Show every method").click()
    wait(page, TILES, 2)
    images = page.eval_on_selector_all(".tile img", "images => images.map(image => image.src)")
    assert len(set(images)) == 2
    before = page.get_attribute("#after", "src")
    page.get_by_role("radio", name="difference").check(force=True)
    assert page.get_attribute("#after", "src") != before
    assert page.get_attribute("#download", "download") == "two-difference-real.png"


def fail(route: "Route") -> None:
    route.fulfill(status=500, body='{"error": "something broke here"}', content_type="application/json")


def test_a_broken_picture_leaves_the_others_as_they_are(seen: Seen, tmp_path: Path, two: Path) -> None:
    page = seen.open()
    give(page, two)
    result = page.get_attribute("#after", "src")
    (tmp_path / "words.png").write_text("no picture")
    page.set_input_files("#file", tmp_path / "words.png")
    page.wait_for_selector("#failed:not([hidden])")
    assert "not a picture" in page.inner_text("#failed-line")
    assert page.inner_text("h1:visible") == "This picture cannot be used"
    assert page.is_hidden("#compare")
    page.get_by_role("button", name="Picture 1, two: done").click()
    assert page.is_visible("#compare")
    assert page.get_attribute("#after", "src") == result
    page.go_back()
    wait(page, "document.querySelector('#failed').checkVisibility()")
    page.go_forward()
    wait(page, "document.querySelector('#compare').checkVisibility()")


def test_a_face_that_is_not_found_is_marked_by_hand(seen: Seen, tmp_path: Path) -> None:
    Image.effect_mandelbrot((300, 200), (-2, -1, 1, 1), 50).convert("RGB").save(tmp_path / "none.png")
    page = seen.open()
    page.set_input_files("#file", tmp_path / "none.png")
    page.get_by_role("button", name="Mark the face").click()
    area = page.locator("#stage").bounding_box()
    assert area is not None
    page.mouse.move(area["x"] + area["width"] * 0.2, area["y"] + area["height"] * 0.2)
    page.mouse.down()
    page.mouse.move(area["x"] + area["width"] * 0.6, area["y"] + area["height"] * 0.8)
    page.mouse.up()
    assert abs(float(page.input_value("#box-left")) - 20) < 2
    page.focus("#box-left")
    page.keyboard.press("ArrowRight")
    page.get_by_role("button", name="Use this face").click()
    wait(page, DONE)
    frame = page.locator(".frame").bounding_box()
    assert frame is not None
    assert frame["x"] - area["x"] == pytest.approx(0.2 * area["width"], abs=0.02 * area["width"])
    assert frame["width"] == pytest.approx(frame["height"], abs=1)
    assert frame["width"] == pytest.approx(0.4 * area["width"], abs=0.02 * area["width"])
    assert page.inner_text("#found") == "One face, marked by hand."
    page.set_input_files("#file", tmp_path / "none.png")
    page.get_by_role("button", name="The whole picture is one face").click()
    wait(page, DONE)


def test_a_method_that_fails_shows_nobody_else_s_picture(seen: Seen, two: Path) -> None:
    page = seen.open()
    give(page, two)
    page.route("**/v1/translate", fail)
    page.get_by_role("radio", name="difference").check(force=True)
    page.wait_for_selector("#failed:not([hidden])")
    assert page.is_hidden("#compare")
    assert page.is_hidden("#save")
    assert "Something broke here" in page.inner_text("#status")
    page.unroute("**/v1/translate")
    page.get_by_role("button", name="Try again").click()
    wait(page, "document.querySelector('#after').alt.endsWith('by difference')")
    assert page.evaluate("document.activeElement.id") == "heading"  # the button that had the focus is gone


def test_what_takes_long_can_be_stopped_and_begun_again(seen: Seen, two: Path) -> None:
    """The controls are off while faces are looked for, and nothing is lost by a stop."""
    page = seen.open()
    page.route("**/v1/faces", lambda route: None)
    page.set_input_files("#file", two)
    page.wait_for_selector("#busy:not([hidden])")
    assert page.locator("input[name=to]").first.is_disabled()
    page.get_by_role("button", name="Cancel").click()
    assert page.inner_text("#failed-line") == "You stopped the search for faces."
    page.unroute("**/v1/faces")
    page.route("**/v1/translate", lambda route: None)
    page.get_by_role("button", name="Try again").click()
    wait(page, "document.querySelector('#elapsed').textContent.startsWith('Translating')")
    page.get_by_role("button", name="Cancel").click()
    assert page.inner_text("#failed-line") == "You stopped this translation."
    page.unroute("**/v1/translate")
    page.get_by_role("button", name="Try again").click()
    wait(page, DONE)


def test_a_server_that_was_gone_is_asked_again(seen: Seen, two: Path) -> None:
    page = seen.open()
    page.route("**/v1/methods", fail)
    page.reload()
    page.wait_for_selector("#offline:not([hidden])")
    page.set_input_files("#file", two)  # it is kept until the server answers
    assert page.inner_text("#elapsed") == "Waiting for the server…"
    page.unroute("**/v1/methods")
    page.get_by_role("button", name="Try again").first.click()
    wait(page, DONE)
    assert page.is_hidden("#offline")


def test_the_work_outlives_a_reload_and_ends_with_the_tab(seen: Seen, two: Path) -> None:
    page = seen.open()
    give(page, two)
    page.get_by_role("radio", name="difference").check(force=True)
    wait(page, "document.querySelector('#after').alt.endsWith('by difference')")
    page.wait_for_timeout(600)  # it is written soon
    asked: list[str] = []
    page.on("request", lambda r: asked.append(r.url))
    page.reload()
    wait(page, "document.querySelector('#compare').checkVisibility()")
    assert page.get_attribute("#download", "download") == "two-difference-real.png"
    assert not [url for url in asked if url.endswith(("/v1/faces", "/v1/translate"))]
    other = page.context.new_page()
    other.goto(seen.url)
    wait(other, LIMITS)
    assert other.is_visible("#start")  # another tab knows nothing of it
    page.close()
    wait(other, "navigator.locks.query().then(({ held }) => held.length === 1)")  # that of this tab
    other.reload()
    wait(other, f"{KEPT}.then((keys) => keys.length === 0)")
    give(other, two)
    wait(other, f"{KEPT}.then((keys) => keys.length === 1)")
    other.get_by_role("button", name="Forget everything").click()
    assert other.is_visible("#start")
    wait(other, f"{KEPT}.then((keys) => keys.length === 0)")


def test_faces_replaced_one_by_one_stay_so(seen: Seen, two: Path) -> None:
    page = seen.open()
    give(page, two)
    page.get_by_role("radio", name="the whole picture").check(force=True)
    wait(page, "document.querySelector('#after').alt.startsWith('The picture with the face')")
    page.get_by_role("button", name="Face 2").click()
    page.get_by_role("radio", name="difference").check(force=True)
    wait(page, "document.querySelector('#after').alt.includes('2 faces')")
    faces = page.get_by_role("group", name="Faces in the picture").get_by_role("button")
    assert [("replaced" in (face.get_attribute("aria-label") or "")) for face in faces.all()] == [True, True]
    page.get_by_role("button", name="Leave this face").click()
    wait(page, "document.querySelector('#after').alt.startsWith('The picture with the face')")
    page.get_by_role("button", name="Replace all faces").click()
    wait(page, "document.querySelector('#after').alt.includes('2 faces')")


def test_several_pictures_make_a_queue_and_a_zip(seen: Seen, two: Path, tmp_path: Path) -> None:
    page = seen.open()
    page.set_input_files("#file", [two, EXAMPLES / "aoi.png", two])
    wait(page, "document.querySelectorAll('.standing.done').length === 3")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download all").click()
    download.value.save_as(tmp_path / "all.zip")
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        assert archive.testzip() is None
        names = ["two-cyclegan-real.png", "aoi-cyclegan-real.png", "two-cyclegan-real-2.png"]
        assert archive.namelist() == names
        assert Image.open(archive.open(names[1])).size == (16, 16)


def test_before_and_after_are_saved_as_one_marked_picture(seen: Seen, two: Path, tmp_path: Path) -> None:
    page = seen.open()
    give(page, two)
    with page.expect_download() as download:
        page.get_by_role("button", name="Save before and after").click()
    download.value.save_as(tmp_path / "both.png")
    assert Image.open(tmp_path / "both.png").size == (16 + 8 + 16, 16)
    assert read_marks(tmp_path / "both.png")["DigitalSourceType"] == GENERATED
    page.get_by_role("button", name="Side by side", exact=True).click()
    assert page.get_by_role("dialog").locator("img").count() == 2
    page.keyboard.press("+")
    assert page.inner_text("#zoom") == "150 %"
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.id") == "enlarge"


def test_a_picture_beyond_the_limits_is_made_smaller(browser: "Browser", bundles: list[Bundle], two: Path) -> None:
    with live.running(bundles, max_bytes=60_000, max_pixels=200_000) as small:
        page = Seen(browser, f"{small.url}/").open()
        give(page, two)
        assert "Made smaller in the browser, from 700×400 to" in page.inner_text("#notes")
        page.context.close()


def test_an_example_is_a_click_away(seen: Seen) -> None:
    page = seen.open()
    examples = page.get_by_role("list", name="Or try one of these").get_by_role("button")
    assert examples.count() == 16
    for number, to in ((0, "person"), (15, "drawing")):
        examples.nth(number).click()
        wait(page, f"document.querySelector('#status').textContent.startsWith('Done: an invented {to}')")
        page.get_by_role("button", name="New picture").click()


def test_notes_of_the_server_are_shown(seen: Seen, two: Path) -> None:
    page = seen.open()
    give(page, two)
    page.get_by_role("radio", name="a drawing").check(force=True)
    wait(page, "document.querySelector('#notes').textContent.includes('look drawn already')")


def test_a_phone(seen: Seen, two: Path) -> None:
    page = seen.open(**PHONE)
    assert page.get_by_role("button", name="Use the camera").is_visible()
    assert page.get_attribute("#camera", "capture") is not None
    give(page, two)
    result = page.locator("#compare").bounding_box()
    assert result is not None
    assert result["y"] + result["height"] < 844  # it is what is seen first
    page.get_by_role("button", name="Show every method").tap()
    wait(page, TILES, 2)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    for control in ("#download", "#copy", "#again", ".face"):
        box = page.locator(control).first.bounding_box()
        assert box is not None
        assert box["height"] >= 44
        assert box["x"] + box["width"] <= 390


@pytest.mark.parametrize(("width", "text"), [(1280, 100), (768, 100), (390, 100), (1280, 200), (768, 200)])
def test_every_state_is_accessible_and_cuts_no_word(
    seen: Seen, two: Path, tmp_path: Path, width: int, text: int
) -> None:
    """By axe, light and dark; one h1; no text wider than its place."""
    (tmp_path / "words.png").write_text("no picture")
    for theme in ("light", "dark"):
        page = seen.open(viewport={"width": width, "height": 900}, color_scheme=theme)
        page.evaluate("percent => { document.documentElement.style.fontSize = `${percent}%`; }", text)
        check(page)
        page.set_input_files("#file", [two, EXAMPLES / "aoi.png"])
        wait(page, "document.querySelectorAll('.standing.done').length === 2")
        page.get_by_role("radio", name="the whole picture").check(force=True)
        page.get_by_role("button", name="Show every method").click()
        wait(page, TILES, 2)
        check(page)
        page.get_by_role("button", name="Side by side", exact=True).click()
        check(page)
        page.keyboard.press("Escape")
        page.set_input_files("#file", tmp_path / "words.png")
        page.wait_for_selector("#failed:not([hidden])")
        check(page)
        page.context.close()


def test_the_guide_of_the_api_is_accessible(seen: Seen) -> None:
    page = seen.open(viewport={"width": 390, "height": 844})
    page.goto(f"{seen.url}api")
    check(page)


def check(page: "Page") -> None:
    found = Axe().run(page).response["violations"]
    assert not [(v["id"], [n["target"] for n in v["nodes"]]) for v in found]
    assert page.locator("h1:visible").count() == 1
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate(CUT) == []


def test_the_keyboard_is_enough(seen: Seen, two: Path) -> None:
    page = seen.open()
    page.on("filechooser", lambda _: None)  # from here on no dialog opens, which nobody could answer

    def reach(selector: str) -> None:
        for _ in range(60):
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
    assert page.evaluate("document.activeElement.id") == "heading"  # not lost with the button that is gone
    reach(".face")
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
    reach("input[name=method]")
    page.keyboard.press("ArrowRight")
    wait(page, "document.querySelector('#status').textContent.includes('by difference')")
    reach("#slider")
    page.keyboard.press("Home")
    assert page.input_value("#slider") == "0"
    reach("#download")
    with page.expect_download():
        page.keyboard.press("Enter")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    assert page.evaluate("document.activeElement.id") == "again"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "title"


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
        wait(page, LIMITS)
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
    wait(page, TILES, 3)
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
