"""The distributions, built once."""

from pathlib import Path

import pytest
from environments import FOLDERS, ROOT, build


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with all of them, as `python -m build` makes them here and in each folder of bundles/."""
    into = tmp_path_factory.mktemp("built")
    for folder in FOLDERS:
        build(ROOT / folder, into)
    return into
