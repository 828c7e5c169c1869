"""The page's state machine, in node: what each event makes of a state, and what is to be done then."""

import io
import zipfile
from collections.abc import Iterator
from typing import Any

import javascript
import numpy as np
import pytest

from anime2real.web.routes import PAGE

METHODS = [
    {"method": "galatea", "to": "real", "default": True, "variants": 1, "ages": [18, 60]},
    {"method": "styles", "to": "real", "default": False, "variants": 16, "ages": None},
    {"method": "galatea", "to": "anime", "default": True, "variants": 1, "ages": None},
]
FACES = [
    {"box": [10, 10, 50, 50], "tilt_degrees": 0, "domain": "anime"},
    {"box": [60, 10, 90, 40], "tilt_degrees": 0, "domain": "real"},
]


class Machine:
    """A state, and the events that changed it."""

    def __init__(self, page: javascript.Modules) -> None:
        self._page = page
        self.state: Any = page("machine.js", "initial")

    def __call__(self, kind: str, **event: Any) -> "Machine":
        self.state = self._page("machine.js", "next", self.state, {"type": kind, **event})
        return self

    @property
    def wanted(self) -> Any:
        return self._page("machine.js", "wanted", self.state)

    @property
    def item(self) -> Any:
        return next(item for item in self.state["items"] if item["id"] == self.state["current"])

    @property
    def parts(self) -> Any:
        """Of the request that is most urgent."""
        return self.wanted[0]["request"]["parts"]

    def finish(self) -> "Machine":
        """What is most urgent, done."""
        task = self.wanted[0]
        return self("done", id=task["id"], key=task["key"], result={"notes": []})


@pytest.fixture(scope="module")
def page() -> Iterator[javascript.Modules]:
    with javascript.modules(PAGE) as modules:
        yield modules


@pytest.fixture
def machine(page: javascript.Modules) -> Machine:
    return Machine(page)("offered", offered={"methods": METHODS, "limits": {}})


def given(machine: Machine, *ids: str) -> Machine:
    return machine("given", files=[{"id": one, "file": {}, "name": one} for one in ids])


def found(machine: Machine, faces: list[dict[str, Any]] = FACES, one: str = "a") -> Machine:
    return machine("found", id=one, size=[100, 60], faces=faces, notes=[])


def test_nothing_is_done_before_the_server_has_answered(page: javascript.Modules) -> None:
    machine = given(Machine(page)("offline", line="gone"), "a")
    assert machine.wanted == []
    assert machine.state["offline"] == "gone"
    machine("offered", offered={"methods": METHODS, "limits": {}})
    assert machine.wanted == [{"id": "a"}]
    assert machine.state["offline"] is None


def test_the_direction_follows_the_face_and_each_face_keeps_what_was_chosen(machine: Machine) -> None:
    found(given(machine, "a"))
    assert machine.parts == [{"face": 0, "to": "real", "method": "galatea", "variant": 0, "who": "auto"}]
    machine("choose", asked={"who": {"sex": "man", "age": "25"}}).finish()("face", face=1)
    assert machine.parts == [{"face": 1, "to": "anime", "method": "galatea", "variant": 0, "who": "auto"}]
    machine.finish()("face", face=0)
    assert machine.wanted == []  # the first result is still there
    machine("layout", layout="paste")("face", face=1)
    assert [(part["face"], part["to"], part["who"]) for part in machine.parts] == [
        (0, "real", "man, 25"),
        (1, "anime", "auto"),
    ]
    machine("leave")
    assert machine.item["replaced"] == [0]


def test_somebody_else_is_by_the_method_that_makes_several_and_back(machine: Machine) -> None:
    found(given(machine, "a"))("choose", asked={"variant": 2})
    assert machine.parts[0]["method"] == "styles"
    assert machine.parts[0]["variant"] == 2
    machine("choose", asked={"variant": 0})
    assert machine.parts[0]["method"] == "galatea"
    machine("choose", asked={"variant": 3})("choose", asked={"to": "anime"})
    assert machine.parts[0] == {"face": 0, "to": "anime", "method": "galatea", "variant": 0, "who": "auto"}


def test_a_failure_stays_with_its_method_until_it_is_tried_again(machine: Machine) -> None:
    found(given(machine, "a")).finish()("choose", asked={"method": "styles"})
    task = machine.wanted[0]
    machine("failed", id="a", key=task["key"], line="broken")
    assert machine.wanted == []
    assert machine.item["results"][task["key"]] == {"phase": "failed", "line": "broken"}
    assert sorted(result["phase"] for result in machine.item["results"].values()) == ["done", "failed"]
    assert machine("retry").wanted == [task]


def test_a_stop_is_a_failure_that_can_be_tried_again(machine: Machine) -> None:
    given(machine, "a")("cancel")
    assert machine.item["phase"] == "failed"
    assert machine.wanted == []
    found(machine("retry"))
    task = machine.wanted[0]
    machine("working", id="a", key=task["key"])("cancel")
    assert machine.wanted == []
    assert machine("retry").wanted == [task]


def test_a_face_is_marked_where_none_is_found(machine: Machine) -> None:
    found(given(machine, "a"), [])
    assert machine.item["phase"] == "unfound"
    machine("mark")
    assert machine.item["marking"] == [35, 15, 65, 45]
    machine("marked", box=[30, 10, 60, 40])
    assert machine.parts[0] | {"box": ""} == {
        "box": "", "to": "real", "method": "galatea", "variant": 0, "who": "auto"
    }  # fmt: skip
    assert machine.parts[0]["box"] == "30.0,10.0,60.0,40.0"


def test_the_picture_that_is_shown_comes_first(machine: Machine) -> None:
    given(machine, "a", "b")("show", view="work", id="b")
    assert machine.wanted == [{"id": "b"}, {"id": "a"}]
    found(machine("unread", id="b", line="no picture"))
    assert [task["id"] for task in machine.wanted] == ["a"]
    assert machine("show", view="work", id="gone").state["view"] == "start"


def test_the_method_that_was_chosen_last_is_taken_for_the_next_picture(machine: Machine) -> None:
    found(given(machine, "a"))("choose", asked={"method": "styles"})
    found(given(machine, "b"), one="b")
    assert machine.parts[0]["method"] == "styles"


def test_a_zip_is_one_that_python_reads(page: javascript.Modules) -> None:
    content = np.arange(256, dtype=np.uint8)
    packed = page("zip.js", "zipped", [["é.png", content], ["é.png", content[:7]]]).tobytes()
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["é.png", "é-2.png"]
        assert archive.read("é-2.png") == content[:7].tobytes()
