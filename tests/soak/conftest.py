"""`pytest -m soak tests/soak --minutes 10 --tally FILE`: how long, where it adds up, and its last line, in JSON."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from soak.commands import Command, Straight, commands
from soak.tally import BAD, Tally
from soak.warm import Warm
from toys import Toy

KEY = pytest.StashKey[Tally]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("soak")
    group.addoption("--minutes", type=float, default=1.0, help="how long the soak goes on, about")
    group.addoption("--tally", type=Path, help="the file in which its runs add up")


@pytest.fixture(scope="session")
def tally(request: pytest.FixtureRequest) -> Tally:
    return request.config.stash.setdefault(KEY, Tally())


@pytest.fixture(scope="session")
def seconds(request: pytest.FixtureRequest) -> float:
    """Of the whole soak."""
    return 60.0 * float(request.config.getoption("minutes", 1.0))


@pytest.fixture(autouse=True)
def _nothing_found(tally: Tally) -> Iterator[None]:
    """A test fails of what it finds, and goes on until its time is over."""
    before = len(tally.findings)
    yield
    found = tally.findings[before:]
    assert not found, "\n".join(found)


def pytest_unconfigure(config: pytest.Config) -> None:
    if KEY in config.stash:
        total = config.stash[KEY].added_to(config.getoption("tally", None))
        print(
            json.dumps({name: value for name, value in total.items() if name not in BAD} | {n: total[n] for n in BAD})
        )


class Straights(dict[str, Straight]):
    """Each command, and what it gives when nothing is broken; it runs when it is first asked for."""

    def __init__(self, every: Mapping[str, Command], warm: Warm, root: Path) -> None:
        super().__init__()
        self._every, self._warm, self._root = every, warm, root

    def __missing__(self, name: str) -> Straight:
        self[name] = Straight.of(self._every[name], self._warm, self._root / name.replace(" ", ""))
        return self[name]


@pytest.fixture(scope="session")
def straight(toy: Toy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Straights]:
    root, warm = tmp_path_factory.mktemp("straight"), Warm()
    yield Straights(commands(toy, root, warm), warm, root)
    warm.close()
