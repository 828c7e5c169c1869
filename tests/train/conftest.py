"""Bundles of small networks, exported once."""

import pytest
from exported import Exported, generator, written

from anime2real.bundle.format import STYLE


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    network = generator()
    return network, written(network, tmp_path_factory.mktemp("plain") / "b")


@pytest.fixture(scope="session")
def styled(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    network = generator(code=STYLE)
    return network, written(network, tmp_path_factory.mktemp("styled") / "b")
