"""What tests of the page in a browser share: what they wait for, and pages that are watched."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from chromium import wait

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

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


def give(page: "Page", path: Path) -> None:
    """Choose a file and wait for the result."""
    page.set_input_files("#file", path)
    page.wait_for_selector(READY)
    wait(page, DONE)
