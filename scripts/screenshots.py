"""What the page of `anime2real serve` looks like, wide and on a phone, in Chromium.

    python scripts/screenshots.py examples/hana.png --folder docs/pictures

Writes serve.png (1,100 px wide) and serve-phone.png (390 px). Needs Playwright's Python package and a chromium, or
CHROMIUM set to one. film_strip.py shows every state of the page.
"""

import argparse
from pathlib import Path
from typing import Any, Final

from film_strip import DONE, give, launched, served, wait

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
    with served(None) as url, launched() as browser:
        for name, view in VIEWS.items():
            page = browser.new_context(**view).new_page()
            page.goto(url)
            give(page, options.picture)
            wait(page, DONE)
            page.wait_for_timeout(500)
            page.screenshot(path=options.folder / name, full_page=True)


if __name__ == "__main__":
    main()
