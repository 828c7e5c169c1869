"""The page in Firefox, where there is one: `pytest -m browser`. A picture, another of its faces, the whole."""

from collections.abc import Iterator
from pathlib import Path

import firefox
import pytest
from live import Live
from page_watch import DONE, READY

pytestmark = [pytest.mark.browser, pytest.mark.skipif(firefox.FIREFOX is None, reason="no Firefox")]

FACES = "#faces button, [aria-label='Faces in the picture'] button"
RESULT = "return document.querySelector('#after').src"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[firefox.Firefox]:
    with firefox.running(tmp_path_factory.mktemp("firefox")) as running:
        yield running


def test_a_picture_is_translated_another_face_chosen_and_the_whole_shown(
    page: firefox.Firefox, server: Live, two: Path
) -> None:
    page.open(f"{server.url}/")
    page.wait("document.querySelector('#limits').textContent.includes('MB')")
    page.give("#file", two)
    page.wait(f"document.querySelector('{READY}') && {DONE}")
    page.wait("document.querySelector('#after').naturalWidth")  # an address first, decoded after it
    pressed = f"return [...document.querySelectorAll({FACES!r})].map((e) => e.getAttribute('aria-pressed'))"
    assert page.run(pressed) == ["true", "false"]
    first = page.run(RESULT)
    page.run(f"document.querySelectorAll({FACES!r})[1].click()")
    page.wait(f"document.querySelector('#after').src !== {first!r} && {DONE}")
    assert page.run(pressed) == ["false", "true"]
    page.run("document.querySelector('input[name=layout][value=paste]').click()")
    page.wait("document.querySelector('#after').naturalWidth === 700")
    page.run("window.drawn = performance.now()")
    page.wait("performance.now() > window.drawn + 1000")  # what is drawn is written soon, not at once
    page.reload()
    page.wait("document.querySelector('#after').naturalWidth === 700")  # the work is still there
