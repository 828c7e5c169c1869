"""Debian's Chromium, driven by Playwright, for the tests of the pages."""

import os
import shutil
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Page

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--no-first-run",
]  # fmt: skip
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


def wait(page: "Page", expression: str, argument: Any = None) -> None:
    """Until a JavaScript expression is true; the page's policy forbids what Playwright has for this."""
    end = time.monotonic() + 60  # on a busy machine
    while not page.evaluate(expression, argument):
        assert time.monotonic() < end, f"never true: {expression}"
        page.wait_for_timeout(20)
