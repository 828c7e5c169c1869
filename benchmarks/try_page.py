"""How long docs/try takes from a drawing to its result, in Chromium: the first after loading, and the next.

    python scripts/build_try.py -o site/try && python benchmarks/try_page.py site/try

Seconds of the clock, and of all cores together: the second say what a quiet machine would need. `isolated` is the page
as its service worker serves it from the second visit on, with threads.
"""

import argparse
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))

from film_strip import DONE, EXAMPLES, give, launched, served, wait


def cpu_seconds() -> float:
    """Of all processes that descend from this one, from /proc (Linux)."""
    parents, ticks = {}, {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        parents[path.parent.name], ticks[path.parent.name] = fields[1], int(fields[11]) + int(fields[12])
    ours, me = 0, str(os.getpid())
    for process, spent in ticks.items():
        above = parents.get(process)
        while above in parents and above != me:
            above = parents.get(above)
        ours += spent if above == me else 0
    return ours / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Load the page twice, and give it two drawings each time."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("built", type=Path, help="the folder that scripts/build_try.py has made")
    parser.add_argument("--rest", type=float, default=20.0, help="seconds between loading and giving (%(default)s)")
    options = parser.parse_args()
    with served(options.built) as url, launched() as browser:
        page = browser.new_page()
        page.goto(url)
        for visit in ("plain", "isolated"):
            wait(page, "document.querySelector('#limits').textContent !== ''")
            wait(page, "navigator.serviceWorker.ready.then(() => true)")
            page.wait_for_timeout(options.rest * 1000)
            assert page.evaluate("crossOriginIsolated") == (visit == "isolated")
            for which, name in (("first", "aoi"), ("next", "mika")):
                cpu, clock = cpu_seconds(), time.monotonic()
                give(page, EXAMPLES / f"{name}.png")
                wait(page, f"document.querySelector('#download').download.startsWith('{name}') && {DONE}")
                cpu, clock = cpu_seconds() - cpu, time.monotonic() - clock
                print(f"{visit}, {which} drawing: {clock:.2f} s, {cpu:.2f} s of all cores", flush=True)
            page.evaluate("sessionStorage.clear()")
            page.reload()


if __name__ == "__main__":
    main()
