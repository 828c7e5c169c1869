"""What goes wrong on the page, in a browser: nothing is lost, and there is always a way on."""

from pathlib import Path
from typing import TYPE_CHECKING

import live
import pytest
from chromium import CHROMIUM, wait
from PIL import Image

from anime2real.bundle.format import Bundle

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Route
from page_watch import DONE, KEPT, LIMITS, Seen, give

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no chromium")]


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


def test_a_picture_beyond_the_limits_is_made_smaller(browser: "Browser", bundles: list[Bundle], two: Path) -> None:
    with live.running(bundles, max_bytes=60_000, max_pixels=200_000) as small:
        page = Seen(browser, f"{small.url}/").open()
        give(page, two)
        assert "Made smaller in the browser, from 700×400 to" in page.inner_text("#notes")
        page.context.close()


def test_notes_of_the_server_are_shown(seen: Seen, two: Path) -> None:
    page = seen.open()
    give(page, two)
    page.get_by_role("radio", name="a drawing").check(force=True)
    wait(page, "document.querySelector('#notes').textContent.includes('look drawn already')")


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
