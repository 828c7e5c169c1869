"""What each state of the page looks like at three widths, light and dark, with axe's count of problems beside each.

    python scripts/film_strip.py --folder strips                # the page of `anime2real serve`, with what ships
    python scripts/film_strip.py --folder strips --try site/try # the page that scripts/build_try.py has built

Writes a sheet for each width and theme, and axe.txt. Needs Playwright's Python package, axe-playwright-python and a
chromium, or CHROMIUM set to one.
"""

import argparse
import functools
import http.server
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from axe_playwright_python.sync_playwright import Axe
from PIL import Image, ImageDraw, ImageFont
from playwright.sync_api import Browser, Page, Route, sync_playwright

ROOT: Final = Path(__file__).parents[1]
EXAMPLES: Final = ROOT / "examples"
WIDTHS: Final = {1280: 850, 768: 1024, 390: 844}
ARGUMENTS: Final = ["--no-sandbox", "--disable-gpu"]
DONE: Final = "document.querySelector('#status').textContent.startsWith('Done')"
SHOWN: Final = 330
"""Width, px, of a screenshot on a sheet."""

Act = Callable[[Page, Path], None]


def wait(page: Page, expression: str, seconds: float = 90) -> None:
    """Until a JavaScript expression is true; the page's policy forbids what Playwright has for this."""
    end = time.monotonic() + seconds
    while not page.evaluate(expression):
        if time.monotonic() > end:
            raise TimeoutError(f"never true: {expression}; the page says {page.inner_text('body')[:300]!r}")
        page.wait_for_timeout(50)


def give(page: Page, *pictures: Path) -> None:
    """Choose files."""
    page.set_input_files("#file", list(pictures))


def fail(route: Route) -> None:
    """Answer as a server that is broken."""
    route.fulfill(status=500, body='{"error": "something broke here, not with you"}', content_type="application/json")


def result(page: Page, folder: Path) -> None:
    give(page, EXAMPLES / "hana.png")
    wait(page, DONE)


def several_faces(page: Page, folder: Path) -> None:
    give(page, folder / "two.png")
    wait(page, DONE)


def whole_picture(page: Page, folder: Path) -> None:
    several_faces(page, folder)
    page.locator("input[name=layout][value=paste]").check(force=True)
    wait(page, "document.querySelector('#after').alt.startsWith('The picture')")
    page.click("#every")
    wait(page, "document.querySelector('#after').alt.includes('2 faces')")


def methods(page: Page, folder: Path) -> None:
    result(page, folder)
    page.click("#all")
    wait(page, "[...document.querySelectorAll('.tile')].every(t => t.querySelector('img:not([hidden])'))")


def large(page: Page, folder: Path) -> None:
    result(page, folder)
    page.click("#enlarge")
    page.click("#larger")


def unfound(page: Page, folder: Path) -> None:
    give(page, folder / "none.png")
    page.wait_for_selector("#unfound:not([hidden])")


def marking(page: Page, folder: Path) -> None:
    unfound(page, folder)
    page.click("#mark")


def unreadable(page: Page, folder: Path) -> None:
    result(page, folder)
    give(page, folder / "words.png")
    page.wait_for_selector("#failed:not([hidden])")


def queue(page: Page, folder: Path) -> None:
    give(page, *(EXAMPLES / f"{name}.png" for name in ("aoi", "mika", "rin")))
    wait(page, "document.querySelectorAll('.standing.done').length === 3")


def note(page: Page, folder: Path) -> None:
    result(page, folder)
    page.locator("input[name=to][value=anime]").check(force=True)
    wait(page, "document.querySelector('#after').alt.includes('drawing')")


def offline(page: Page, folder: Path) -> None:
    page.route("**/v1/methods", fail)
    page.reload()
    page.wait_for_selector("#offline:not([hidden])")


def finding(page: Page, folder: Path) -> None:
    page.route("**/v1/faces", lambda route: None)
    give(page, EXAMPLES / "hana.png")
    page.wait_for_timeout(2300)


def translating(page: Page, folder: Path) -> None:
    page.route("**/v1/translate", lambda route: None)
    give(page, EXAMPLES / "hana.png")
    wait(page, "document.querySelector('#elapsed').textContent.startsWith('Translating')")


def failed(page: Page, folder: Path) -> None:
    page.route("**/v1/translate", fail)
    give(page, EXAMPLES / "hana.png")
    page.wait_for_selector("#failed:not([hidden])")


STATES: Final[dict[str, Act]] = {
    "start": lambda page, folder: None,
    "result": result,
    "several faces": several_faces,
    "whole picture": whole_picture,
    "every method": methods,
    "large": large,
    "note": note,
    "queue": queue,
    "no face": unfound,
    "marking": marking,
    "unreadable": unreadable,
    "offline": offline,
    "finding": finding,
    "translating": translating,
    "failed": failed,
}
NEED_A_SERVER: Final = {"offline", "finding", "translating", "failed", "every method"}


def pictures(folder: Path) -> None:
    """Two faces in one picture, a picture without a face, and a file that is no picture."""
    canvas = Image.new("RGB", (700, 400), (230, 235, 240))
    for name, side, place in [("mika", 340, (20, 30)), ("aoi", 260, (410, 70))]:
        with Image.open(EXAMPLES / f"{name}.png") as image:
            canvas.paste(image.convert("RGB").resize((side, side)), place)
    canvas.save(folder / "two.png")
    Image.effect_mandelbrot((600, 400), (-2, -1, 1, 1), 50).convert("RGB").save(folder / "none.png")
    (folder / "words.png").write_text("no picture")


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files, and says nothing of it."""

    def log_message(self, format: str, *args: Any) -> None:
        """Not a word."""


@contextmanager
def served(built: Path | None) -> Iterator[str]:
    """The address of the page."""
    if built is not None:
        handler = functools.partial(Quiet, directory=str(built))
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as files:
            threading.Thread(target=files.serve_forever, daemon=True).start()
            yield f"http://127.0.0.1:{files.server_port}/"
            files.shutdown()
        return
    command = [sys.executable, "-m", "anime2real", "serve", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as server:
        try:
            assert server.stdout is not None
            said = ""
            while "http://" not in said:
                said = server.stdout.readline() or sys.exit("error: the server did not start")
            yield next(word for word in said.split() if word.startswith("http://"))
        finally:
            server.terminate()


@contextmanager
def launched() -> Iterator[Browser]:
    """A chromium, driven by Playwright."""
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        sys.exit("error: no chromium: install one, or set CHROMIUM to its path")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield browser
        browser.close()


def photographed(browser: Browser, url: str, act: Act, folder: Path, **view: Any) -> tuple[Image.Image, list[str]]:
    """A screenshot of a state, and what axe says of it."""
    context = browser.new_context(**view)
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.goto(url)
    wait(page, "document.querySelector('#limits').textContent !== ''")
    act(page, folder)
    page.wait_for_timeout(250)
    found = Axe().run(page).response["violations"]
    problems = [f"{v['id']} ({v['impact']}): {', '.join(str(n['target']) for n in v['nodes'])}" for v in found]
    width = page.evaluate("document.documentElement.scrollWidth")
    if width > view["viewport"]["width"]:
        problems.append(f"the page is {width} px wide")
    path = folder / "shot.png"
    page.screenshot(path=path, full_page=True)
    context.close()
    with Image.open(path) as image:
        return image.convert("RGB"), problems


def sheet(shots: dict[str, tuple[Image.Image, list[str]]]) -> Image.Image:
    """The screenshots beside each other, each under its name and axe's count."""
    columns = min(len(shots), 5)
    small = {
        name: image.resize((SHOWN, round(image.height * SHOWN / image.width))) for name, (image, _) in shots.items()
    }
    names = list(shots)
    rows = [names[i : i + columns] for i in range(0, len(names), columns)]
    heights = [max(small[name].height for name in row) + 30 for row in rows]
    canvas = Image.new("RGB", (columns * (SHOWN + 10), sum(heights)), (255, 255, 255))
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(16)
    top = 0
    for row, height in zip(rows, heights, strict=True):
        for column, name in enumerate(row):
            left = column * (SHOWN + 10)
            draw.text((left + 4, top + 4), f"{name}: axe {len(shots[name][1])}", fill=(0, 0, 0), font=font)
            canvas.paste(small[name], (left, top + 26))
        top += height
    return canvas


def main() -> None:
    """Take all pictures, and say what axe found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--try", type=Path, dest="built", help="the folder of a built docs/try")
    parser.add_argument("--state", action="append", choices=list(STATES), help="only these")
    parser.add_argument("--width", type=int, action="append", choices=list(WIDTHS), help="only these")
    parser.add_argument("--theme", action="append", choices=["light", "dark"], help="only these")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    names = options.state or [name for name in STATES if options.built is None or name not in NEED_A_SERVER]
    said: list[str] = []
    with tempfile.TemporaryDirectory() as scratch, served(options.built) as url, launched() as browser:
        folder = Path(scratch)
        pictures(folder)
        for width in options.width or WIDTHS:
            for theme in options.theme or ("light", "dark"):
                view: dict[str, Any] = {"viewport": {"width": width, "height": WIDTHS[width]}, "color_scheme": theme}
                view |= {"has_touch": True, "is_mobile": True} if width < 500 else {}
                shots = {name: photographed(browser, url, STATES[name], folder, **view) for name in names}
                sheet(shots).save(options.folder / f"{width}-{theme}.png")
                for name, (_, problems) in shots.items():
                    said += [f"{width} px, {theme}, {name}: {len(problems)}", *(f"    {line}" for line in problems)]
    (options.folder / "axe.txt").write_text("\n".join(said) + "\n", encoding="utf-8")
    print("\n".join(said))


if __name__ == "__main__":
    main()
