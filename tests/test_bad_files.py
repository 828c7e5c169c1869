"""A bad file, through whichever door it comes, is one line that says what is wrong; no traceback, no half result.

Doors are the commands, the functions of Python and the routes of the API; every kind of bad file goes through each.
"""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import live
import pytest
import tiny
from fastapi.testclient import TestClient
from studies import pictures
from toys import Toy

from anime2real import Translator, UserError, decode, find_faces, translate_picture
from anime2real.bundle.format import read
from anime2real.cli.main import main
from anime2real.data.archive import restore_pack
from anime2real.data.labels import read_table
from anime2real.data.pack import Pack
from anime2real.image.label_map import label_picture
from anime2real.image.provenance import read_marks
from anime2real.study.create import create_study
from anime2real.study.server import create_app
from anime2real.study.trials import read_study
from anime2real.train.export.run import export_run
from anime2real.train.run.restore import restore_run
from anime2real.video.translate import ClipOptions, open_clip

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
    "pack restore BAD -o OUT", "export BAD -o OUT", "average BAD BAD -o OUT", "train difference --data BAD -o OUT",
    "study -o BAD --json", "study BUNDLE --data BAD -o OUT",
)  # fmt: skip

FUNCTIONS: Final[dict[str, Callable[[Path], object]]] = {
    "decode": decode, "find_faces": find_faces, "read": read, "Translator.open": Translator.open, "Pack": Pack,
    "read_study": read_study, "read_marks": read_marks, "translate_picture": translate_picture,
    "translate_picture by a bundle": lambda bad: translate_picture(live.EXAMPLES / "aoi.png", bundle=str(bad)),
    "label_picture": lambda bad: label_picture(bad, ("sky", "face")), "read_table": read_table,
    "open_clip": lambda bad: open_clip(bad, ClipOptions()), "restore_run": restore_run, "export_run": export_run,
    "restore_pack": lambda bad: restore_pack([bad], bad.with_name("out")),
}  # fmt: skip


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


@pytest.mark.parametrize("command", COMMANDS)
def test_commands(
    command: str, bad: Path, bundle: Path, toy: Toy, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    good = str(live.EXAMPLES / "aoi.png")
    places = {"BAD": str(bad), "OUT": str(tmp_path / "out"), "GOOD": good, "BUNDLE": str(bundle)} | {
        "PACK": str(toy.pack)
    }
    code = main([re.sub("(?<![a-z])[A-Z]{3,}", lambda name: places[name[0]], word) for word in command.split()])
    said = capfd.readouterr()
    assert code in (1, 2)
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


@pytest.mark.parametrize("kind", CONTENTS)
def test_routes(kind: str, server: live.Live, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    study = create_study(tmp_path / "study", {"real": pictures(2)}, comparisons=1, controls=1, checks=1)
    people = TestClient(create_app(study), base_url="http://localhost")
    form = {"Content-Type": "multipart/form-data; boundary=cut"}
    for path in ("/v1/faces", "/v1/translate"):
        for answer in (
            server.post(path, CONTENTS[kind]), server.client.post(path, content=CONTENTS[kind], headers=form)
        ):  # fmt: skip
            assert in_one_line(answer.status_code, answer.content)
    for path in ("/v1/next", "/v1/answers"):
        for content in (CONTENTS[kind], json.dumps({"rater": kind, "trial": kind}).encode()):
            reply = people.post(path, content=content, headers={"Content-Type": "application/json"})
            assert in_one_line(reply.status_code, reply.content)
    assert capfd.readouterr() == ("", "")
