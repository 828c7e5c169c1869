"""The page for everybody, in a browser: phones, screen readers, large text, the keyboard alone."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.sync_playwright import Axe
from chromium import CHROMIUM, PHONE, wait
from live import EXAMPLES

if TYPE_CHECKING:
    from playwright.sync_api import Page
from page_watch import CUT, DONE, TILES, Seen, give

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no chromium")]


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
