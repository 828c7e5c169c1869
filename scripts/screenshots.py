"""What the page of `anime2real serve` looks like, wide and on a phone, in Chromium.

    python scripts/screenshots.py examples/hana.png --folder docs/pictures

Writes serve.png (1,100 px wide) and serve-phone.png (390 px). Needs Playwright's Python package and a chromium, or
CHROMIUM set to one.
"""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import sync_playwright

VIEWS: Final[dict[str, dict[str, Any]]] = {
    "serve.png": {"viewport": {"width": 1100, "height": 900}},
    "serve-phone.png": {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True},
}


def main() -> None:
    """Serve what ships, give the page a picture, and photograph it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--folder", type=Path, required=True)
    options = parser.parse_args()
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        sys.exit("error: no chromium: install one, or set CHROMIUM to its path")
    command = [sys.executable, "-m", "anime2real", "serve", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as server:
        try:
            assert server.stdout is not None
            said = ""
            while "http://" not in said:
                said = server.stdout.readline() or sys.exit("error: the server did not start")
            url = next(word for word in said.split() if word.startswith("http://"))
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
                for name, view in VIEWS.items():
                    page = browser.new_context(**view).new_page()
                    page.goto(url)
                    page.set_input_files("#file", options.picture)
                    page.wait_for_selector("#copy:not([disabled])")
                    page.wait_for_timeout(500)
                    page.screenshot(path=options.folder / name, full_page=True)
                browser.close()
        finally:
            server.terminate()


if __name__ == "__main__":
    main()
