"""The study's page in a browser: `pytest -m browser`."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.sync_playwright import Axe
from chromium import ARGUMENTS, CHROMIUM, PHONE, wait
from studies import pictures

from anime2real.study.answers import Answers
from anime2real.study.create import create_study
from anime2real.study.server import create_app
from anime2real.study.trials import Study
from anime2real.web.server import open_listener, uvicorn_server
from anime2real.web.settings import Settings

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no chromium")]
COUNT = "line => document.querySelector('#count').textContent === line"
LIT = "getComputedStyle(document.querySelector('.side')).borderColor"


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return create_study(tmp_path / "study", {"real": pictures(2)}, comparisons=1, controls=1, checks=1)


@pytest.fixture
def page(study: Study) -> Iterator["Page"]:
    """The study's page on a phone."""
    sync_api = pytest.importorskip("playwright.sync_api")
    settings = Settings(port=0)
    listener = open_listener(settings.host, 0)
    server = uvicorn_server(create_app(study, settings), settings)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        with sync_api.sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
            opened = browser.new_page(**(PHONE | {"has_touch": False, "is_mobile": False}))
            opened.set_default_timeout(15_000)
            opened.goto(f"http://127.0.0.1:{listener.getsockname()[1]}/")
            yield opened
            browser.close()
    finally:
        server.should_exit = True
        thread.join(20)


def test_a_rater_s_way(page: "Page", study: Study) -> None:
    total = len(study.trials)
    wait(page, "document.querySelector('#amount').textContent !== ''")
    assert page.inner_text("#amount").startswith(f"There are {total} pairs")
    assert not Axe().run(page).response["violations"]
    page.get_by_role("button", name="Begin").click()
    wait(page, COUNT, f"Pair 1 of {total}")
    assert page.locator("#undo").is_disabled()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    plain = page.evaluate(LIT)
    place = page.locator(".side").first.bounding_box()
    assert place is not None
    page.mouse.move(place["x"] + 40, place["y"] + 40)
    page.mouse.move(place["x"] + 60, place["y"] + 60)
    assert page.evaluate(LIT) != plain
    page.mouse.down()
    page.mouse.up()
    wait(page, COUNT, f"Pair 2 of {total}")
    assert page.evaluate(LIT) == plain  # the pointer still lies on it
    page.keyboard.press("ArrowDown")
    wait(page, COUNT, f"Pair 3 of {total}")
    assert not Axe().run(page).response["violations"]
    page.keyboard.press("Backspace")
    wait(page, COUNT, f"Pair 2 of {total}")
    for number in range(2, total + 1):
        wait(page, COUNT, f"Pair {number} of {total}")
        page.get_by_role("button", name="Cannot tell").click()
    page.wait_for_selector("#end:not([hidden])")
    assert sum(answer.decided for answer in Answers(study).all()) == 1
    page.get_by_role("button", name="Undo").click()
    wait(page, COUNT, f"Pair {total} of {total}")
