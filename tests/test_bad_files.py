"""A bad file, through whichever door it comes, is one line that says what is wrong; no traceback, no half result.

Doors are the commands, the functions of Python and the routes of the API, as `doors` finds them: a new one without its
bad file is a test that fails. Every kind of bad file goes through each.
"""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any, Final

import doors
import live
import pytest
import tiny
from fastapi import FastAPI
from fastapi.testclient import TestClient
from PIL import Image
from studies import pictures
from toys import Toy

from anime2real import Translated, Translator, UserError, decode, find_faces, translate_picture, write
from anime2real.bundle.format import read
from anime2real.bundle.save import load
from anime2real.cli.main import main
from anime2real.data.archive import restore_pack
from anime2real.data.labels import read_table
from anime2real.data.pack import Pack
from anime2real.image.label_map import label_picture
from anime2real.image.marked import marked
from anime2real.image.provenance import read_marks
from anime2real.study.create import create_study
from anime2real.study.server import create_app
from anime2real.study.trials import read_study
from anime2real.train.export.run import export_run
from anime2real.train.methods.options import CONFIGS
from anime2real.train.run.restore import restore_run
from anime2real.video.translate import ClipOptions, open_clip
from anime2real.web.app import create_app as web_app

NAMES: Final = (
    *("bundle.json", "model.onnx", "README.md", "meta.json", "index.jsonl", "images.npy", "study.json"),
    *("config.toml", "pack.json", "environment.json", "stats.jsonl", "enlarged.json", "picture.png"),
)
"""Files that folders of ours hold."""

CONTENTS: Final[dict[str, bytes]] = {
    "empty": b"",
    "random": bytes(range(256)) * 3,
    "json": b'{"format_version": 1, "trials": 3, "size": [], "counts": null}',
    "deep": b"[" * 5000,
    "picture": b"\x89PNG\r\n\x1a\n" + bytes(64),
    "cut animation": b"RIFF\x30\0\0\0WEBPVP8X\x0a\0",
    "archive": b"PK\x03\x04" + bytes(64),
}
KINDS: Final = (*CONTENTS, "folder of random", "folder of json", "folder of deep", "missing", "empty folder")

COMMANDS: Final = (
    "translate BAD -o OUT --method galatea", "translate GOOD -o OUT --bundle BAD", "inspect BAD",
    "compare BAD --pictures GOOD -o OUT.html", "compare BUNDLE --pictures BAD -o OUT.html",
    "compare BUNDLE --data BAD -o OUT.html", "evaluate BUNDLE --data BAD", "enlarge BAD -o OUT --weights BAD",
    "prepare --anime BAD --real BAD --size 32 -o OUT", "prepare --both BAD --size 32 -o OUT",
    "prepare --pairs BAD BAD --size 32 -o OUT", "pack add-labels PACK --labels-from BAD", "pack hold-out PACK BAD",
    "evaluate BAD --data PACK", "train cyclegan --data PACK -o OUT --steps 1 --maps BAD --quiet",
    "pack show BAD", "pack add-hair BAD", "pack add-labels BAD", "pack hold-out BAD BAD", "pack archive BAD OUT.zip",
    "pack shard BAD -o OUT",
    "pack restore BAD -o OUT", "export BAD -o OUT", "average BAD BAD -o OUT", "study -o BAD --json",
    "study BUNDLE --data BAD -o OUT", "study BAD --data PACK -o OUT", "pairs BAD --with BUNDLE -o OUT",
    "pairs DRAWN --with BAD -o OUT", "prepare --anime DRAWN --real DRAWN --size 32 --labels-from BAD -o OUT",
    "evaluate BUNDLE --data PACK --features Inception --inception BAD --quiet",
    "train galatea --data PACK -o OUT --steps 1 --start-from BAD --batch-size 2 --width 8 --quiet",
    "train student --data PACK -o OUT --steps 1 --start-from BAD --batch-size 2 --quiet --set label_weight=0 "
    "--set who=false --set expressions=false --set mask_margins=false --set cut_close=0 --set hidden_eyes=0",
    *(f"train {method} --data BAD -o OUT" for method in CONFIGS),
)  # fmt: skip

WITHOUT_FILES: Final = {"methods", "serve", "help", "completion"}
"""Commands that read no file that a user names."""

OF_PICTURES: Final = {"translate.pictures", "inspect.pictures", "compare.pictures"}
"""Arguments of which one that is not there is a picture that failed: the others are done."""


@cache
def translator() -> Translator:
    return Translator.load("difference", to="real")


FUNCTIONS: Final[dict[str, Callable[[Path], object]]] = {
    "decode": decode, "find_faces": find_faces, "read": read, "load": load, "Translator.open": Translator.open,
    "Translator.__call__": lambda bad: translator()(bad), "Translator.batch": lambda bad: translator().batch([bad]),
    "Bundle.model": lambda bad: replace(translator().bundle, folder=bad, installed=False).model(), "Pack": Pack,
    "Bundle.model_to_load": lambda bad: replace(translator().bundle, folder=bad).model_to_load(),
    "read_study": read_study, "read_marks": read_marks, "translate_picture": translate_picture,
    "translate_picture by a bundle": lambda bad: translate_picture(live.EXAMPLES / "aoi.png", bundle=str(bad)),
    "label_picture": lambda bad: label_picture(bad, ("sky", "face")), "read_table": read_table,
    "open_clip": lambda bad: open_clip(bad, ClipOptions()), "restore_run": restore_run, "export_run": export_run,
    "restore_pack": lambda bad: restore_pack([bad], bad.with_name("out")),
}  # fmt: skip


WITHOUT_FILE: Final = {
    *("Translator.load", "Translator.translate", "Network.translate", "find", "shipped"),
    *("Face.as_record", "align", "paste", "encode"),
    *("Translated.save", "save", "write"),
}
"""Public functions that read no file that a caller names; those of the last line write one."""


def test_every_door_is_here() -> None:
    bound = [doors.bound(line) for line in COMMANDS]
    tried = {(words, name) for words, given in bound for name, value in given.items() if "BAD" in str(value)}
    assert {(one.command, one.name) for one in doors.inputs()} <= tried
    assert {words for words, _ in bound} == set(doors.commands()) - WITHOUT_FILES
    assert set(doors.functions()) == set(FUNCTIONS) & set(doors.functions()) | WITHOUT_FILE


@pytest.fixture(params=KINDS)
def bad(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "bad"
    kind: str = request.param
    if kind in CONTENTS:
        path.write_bytes(CONTENTS[kind])
    elif kind != "missing":
        path.mkdir()
        for name in NAMES if kind.startswith("folder of ") else ():
            (path / name).write_bytes(CONTENTS[kind.removeprefix("folder of ")])
    return path


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.write_bundle(tmp_path_factory.mktemp("bundles") / "good").folder


def is_named(command: str) -> bool:
    """Whether a command names something bad that is no picture: if that is not there, its usage is bad."""
    words, given = doors.bound(command)
    return any("BAD" in str(value) and f"{words}.{name}" not in OF_PICTURES for name, value in given.items())


@pytest.mark.parametrize("command", COMMANDS)
def test_commands(
    command: str, bad: Path, bundle: Path, toy: Toy, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    good = str(live.EXAMPLES / "aoi.png")
    places = {
        "BAD": str(bad), "OUT": str(tmp_path / "out"), "GOOD": good, "BUNDLE": str(bundle), "PACK": str(toy.pack),
        "DRAWN": str(toy.anime),
    }  # fmt: skip
    code = main([re.sub("(?<![a-z])[A-Z]{3,}", lambda name: places[name[0]], word) for word in command.split()])
    said = capfd.readouterr()
    no_study = command.startswith("study -o BAD") and bad.is_dir() and not list(bad.iterdir())  # it could be made
    assert code == (2 if no_study or (not bad.exists() and is_named(command)) else 1)
    errors = [line for line in said.err.splitlines() if line.startswith("error:")]
    assert len(errors) == 1, said.err
    for told in (said.out, said.err):
        assert "Traceback" not in told
        assert "a fault of the program" not in told
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file()]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_functions(function: str, bad: Path) -> None:
    with pytest.raises(UserError) as refused:
        FUNCTIONS[function](bad)
    assert str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.fixture(scope="module")
def server(bundle: Path) -> Iterator[live.Live]:
    with live.running([read(bundle)]) as served:
        yield served


def in_one_line(status: int, body: bytes) -> bool:
    told = json.loads(body)
    return 400 <= status < 500 and list(told) == ["error"] and "\n" not in told["error"]


READ_ONLY: Final = {"/", "/api", "/favicon.ico", "/healthz", "/v1/methods", "/v1/study"}
"""Routes that are asked with nothing."""

WITHOUT_BODY: Final = {"/v1/raters"}
"""Routes that are asked for something new, whatever is sent."""


def doors_of(application: FastAPI) -> list[str]:
    """The routes that take a body or a name; a new one is among them until it is said that it takes none."""
    found = doors.routes(application)
    assert {path for method, path in found if method == "GET" and "{" not in path} <= READ_ONLY | WITHOUT_BODY
    return [path for method, path in found if path not in READ_ONLY | WITHOUT_BODY]


@pytest.mark.parametrize("kind", CONTENTS)
def test_routes(kind: str, server: live.Live, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    study = create_study(tmp_path / "study", {"real": pictures(2)}, comparisons=1, controls=1, checks=1)
    asked = create_app(study)
    people, content = TestClient(asked, base_url="http://localhost"), CONTENTS[kind]
    form = {"Content-Type": "multipart/form-data; boundary=cut"}
    for path in doors_of(web_app([])):
        for answer in (server.post(path, content), server.client.post(path, content=content, headers=form)):
            assert in_one_line(answer.status_code, answer.content)
    for path in doors_of(asked):
        if "{" in path:
            replies = [people.get(re.sub("{.*}", name, path)) for name in ("none", "..%2f..%2fetc", "%00", "a" * 5000)]
        else:
            bodies = (content, json.dumps({"rater": kind, "trial": kind}).encode())
            replies = [people.post(path, content=body, headers={"Content-Type": "application/json"}) for body in bodies]
        for reply in replies:
            assert in_one_line(reply.status_code, reply.content), path
    assert capfd.readouterr() == ("", "")


JUNK: Final[dict[str, Any]] = {
    "None": None, "number": 0.5, "nothing": "", "bytes": b"", "list": [[]], "map": {}, "anything": object(),
    "NUL": "a\0b", "half a letter": "\ud800",
}  # fmt: skip


def calls(junk: Any, out: Path) -> dict[str, Callable[[], object]]:
    """Public functions, each called with one argument that is none of its kind."""
    none: Any = None
    good, made, run = live.EXAMPLES / "aoi.png", Image.new("RGB", (8, 8)), translator()
    both = partial(translate_picture, good, method="difference", to="real")
    optional: dict[str, Callable[[], object]] = {
        "Translator.load": lambda: Translator.load(junk),
        "Translator.load, to": lambda: Translator.load(to=junk),
        "translate_picture, bundle": lambda: translate_picture(good, bundle=junk),
        "translate_picture, method": lambda: translate_picture(good, method=junk),
        "translate_picture, who": lambda: both(who=junk),
    }
    return (optional if junk is not None else {}) | {
        "decode": lambda: decode(junk),
        "decode, background": lambda: decode(good, background=junk),
        "decode, limits": lambda: decode(good, limits=junk),
        "read_marks": lambda: read_marks(junk),
        "find_faces": lambda: find_faces(junk),
        "read": lambda: read(junk),
        "load": lambda: load(junk),
        "Translator.open": lambda: Translator.open(junk),
        "Translator.open, threads": lambda: Translator.open(run.bundle.folder, threads=junk or 0),
        "Translator": lambda: run(junk),
        "Translator, crop": lambda: run(good, crop=junk),
        "Translator, variant": lambda: run(good, variant=junk),
        "Translator.batch": lambda: run.batch(junk or none),
        "Translator.batch, picture": lambda: run.batch([junk]),
        "Translator.batch, on_error": lambda: run.batch([good], on_error=junk),
        "Translated.save": lambda: Translated(made, "toy", "real", ()).save(junk),
        "translate_picture": lambda: translate_picture(junk),
        "translate_picture, layout": lambda: both(layout=junk),
        "write": lambda: write(junk, out / "a.png"),
        "write, path": lambda: write(made, junk),
        "save of a result": lambda: marked(made.copy()).save(junk),
    }


@pytest.mark.parametrize("kind", JUNK)
def test_what_is_no_file_at_all(kind: str, tmp_path: Path) -> None:
    taken = []
    for name, call in calls(JUNK[kind], tmp_path).items():
        with suppress(UserError):
            call()
            taken.append(name)
    assert taken == []
    assert not list(tmp_path.iterdir())
