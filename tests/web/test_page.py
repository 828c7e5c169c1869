"""The page in a browser, where there is one: `pytest -m browser`. From a picture to what is saved of its result."""

import base64
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import live
import pytest
from chromium import CHROMIUM, wait
from live import EXAMPLES, Live
from PIL import Image

from anime2real.image.provenance import GENERATED, read_marks

if TYPE_CHECKING:
    pass
from page_watch import DONE, READY, Seen, give

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no chromium")]


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


def test_an_example_is_a_click_away(seen: Seen) -> None:
    page = seen.open()
    examples = page.get_by_role("list", name="Or try one of these").get_by_role("button")
    assert examples.count() == 16
    for number, to in ((0, "person"), (15, "drawing")):
        examples.nth(number).click()
        wait(page, f"document.querySelector('#status').textContent.startsWith('Done: an invented {to}')")
        page.get_by_role("button", name="New picture").click()


def test_of_a_picture_that_moves_the_first_frame_is_taken_and_told_once(seen: Seen, tmp_path: Path) -> None:
    with Image.open(EXAMPLES / "kuro.png") as image:
        frames = [image.convert("RGB"), image.convert("RGB").rotate(5)]
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:], duration=200)
    page = seen.open()
    give(page, tmp_path / "moving.gif")
    notes = page.locator("#notes li").all_inner_texts()
    assert [note for note in notes if "first frame" in note] == [
        "Animated: only the first frame is used; anime2real translate, without --layout, takes all."
    ]
