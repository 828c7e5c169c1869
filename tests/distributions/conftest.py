"""The distributions, built once."""

import os
from pathlib import Path

import pytest
from environments import FOLDERS, ROOT, build
from filelock import FileLock


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with all of them, as `python -m build` makes them here and in each folder of bundles/.

    Where pytest runs in several processes, the first that asks builds them for all.
    """
    base = tmp_path_factory.getbasetemp()
    into = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "built"
    with FileLock(f"{into}.lock"):
        if not into.exists():
            beside = tmp_path_factory.mktemp("building")
            for folder in FOLDERS:
                build(ROOT / folder, beside)
            beside.rename(into)
    return into
