"""What can be chosen on the page, in a browser: the direction, the method, the variant and whom a result shows."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from chromium import CHROMIUM, PHONE, wait
from live import Live

if TYPE_CHECKING:
    from playwright.sync_api import Browser
from page_watch import COLOUR, TILES, Seen, give

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no chromium")]


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
