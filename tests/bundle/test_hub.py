"""Bundles by their names on the Hub: the real client, against a small Hub of our own on this machine."""

import hashlib
import inspect
import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import huggingface_hub
import numpy as np
import pytest
import tiny
from huggingface_hub import constants
from PIL import Image

from anime2real import Translator
from anime2real.bundle import format as bundle
from anime2real.bundle import hub
from anime2real.bundle.format import BundleError
from anime2real.bundle.hub import HubName, fetch, parse
from anime2real.bundle.registry import find_bundles, open_bundle
from anime2real.bundle.save import save
from anime2real.cli.main import main

COMMITS = {"main": "a" * 40, "v1": "b" * 40, "refs/pr/7": "c" * 40}


class Hub:
    """Answers as the Hub does to requests for files; `asked` are the files that were really sent."""

    def __init__(self, files: Path) -> None:
        self.files, self.asked = files, list[str]()
        ours = self

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                ours.answer(self, whole=False)

            def do_GET(self) -> None:
                ours.answer(self, whole=True)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def answer(self, to: BaseHTTPRequestHandler, *, whole: bool) -> None:
        repo, _, rest = to.path.removeprefix("/").partition("/resolve/")
        revision, _, file = rest.replace("%2F", "|").partition("/")
        commit = COMMITS.get(revision.replace("|", "/"), revision)
        path = self.files / repo / file
        if repo == "closed/gate":
            return refuse(to, 403, "GatedRepo")
        if not (self.files / repo).is_dir():
            return refuse(to, 404, "RepoNotFound")
        if commit not in COMMITS.values():
            return refuse(to, 404, "RevisionNotFound")
        if not path.is_file():
            return refuse(to, 404, "EntryNotFound")
        content = path.read_bytes()
        to.send_response(200)
        to.send_header("X-Repo-Commit", commit)
        to.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        to.send_header("Content-Length", str(len(content)))
        to.end_headers()
        if whole:
            self.asked.append(f"{commit[0]}:{file}")
            to.wfile.write(content)
        return None

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def refuse(to: BaseHTTPRequestHandler, status: int, code: str) -> None:
    to.send_response(status)
    to.send_header("X-Error-Code", code)
    to.send_header("Content-Length", "0")
    to.end_headers()


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """The Hub with two repositories, ann/one and ann/many, and a cache of its own."""
    ours = Hub(tmp_path / "hub")
    one = tiny.write_bundle(ours.files / "ann" / "one", tiny.model(scale=-1.0)).folder
    (one / "setup.py").write_text("raise SystemExit('this must never be fetched')")
    tiny.write_bundle(ours.files / "ann" / "many" / "sub" / "back", source="real", target="anime")
    monkeypatch.setattr(constants, "ENDPOINT", ours.url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", ours.url + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    yield ours
    ours.close()


def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("hf://ann/one", HubName("ann/one", None, "")),
        ("hf://ann/one/", HubName("ann/one", None, "")),
        ("hf://ann/one@v1.0", HubName("ann/one", "v1.0", "")),
        ("hf://a-b/c_d.e@refs%2Fpr%2F7/sub/x-to-y", HubName("a-b/c_d.e", "refs/pr/7", "sub/x-to-y")),
    ],
)
def test_names(name: str, parts: HubName) -> None:
    assert parse(name) == parts


@pytest.mark.parametrize(
    "name",
    [
        "hf://", "hf://ann", "hf:///one", "hf://ann/", "hf://ann/one@", "hf://ann/one@v1@v2", "hf://ann/one//x",
        "hf://ann/../x", "hf://ann/one/../x", "hf://ann/one/*", "hf://ann/one@..%2Fx", "hf://ann/a..b", "hf://ann/o ne",
    ],
)  # fmt: skip
def test_wrong_names(name: str) -> None:
    with pytest.raises(BundleError, match="OWNER/NAME"):
        parse(name)


def test_folders_are_no_names() -> None:
    assert not hub.is_hub_name("ann/one")
    assert not hub.is_hub_name(Path("hf://ann/one"))
    assert hub.is_hub_name("hf://ann")


def test_three_files_are_fetched_and_no_more(server: Hub) -> None:
    found = open_bundle("hf://ann/one")
    assert (found.method, found.target, found.size_bytes) == ("cyclegan", "real", len(found.model()))
    assert sorted(server.asked) == ["a:README.md", "a:bundle.json", "a:model.onnx"]
    assert {path.name for path in found.folder.iterdir()} == {"README.md", "bundle.json", "model.onnx"}
    assert open_bundle("hf://ann/one") == found
    assert len(server.asked) == 3  # the second time, the cache


def test_a_revision_and_a_folder(server: Hub) -> None:
    assert open_bundle("hf://ann/many@v1/sub/back").target == "anime"
    assert sorted(server.asked) == [f"b:sub/back/{file}" for file in ("README.md", "bundle.json", "model.onnx")]
    assert open_bundle("hf://ann/many@refs%2Fpr%2F7/sub/back").target == "anime"


def test_what_redraws_a_bundle_comes_with_it(server: Hub) -> None:
    tiny.write_bundle(server.files / "ann" / "many" / "sub" / "there", tiny.model(scale=-1.0), redrawn_by="back")
    there = Translator(open_bundle("hf://ann/many@v1/sub/there"))
    assert {"b:sub/back/bundle.json", "b:sub/back/model.onnx"} <= set(server.asked)
    black = np.zeros((1, tiny.PX, tiny.PX, 3), np.uint8)
    assert np.array_equal(there.translate(black), black)  # turned around twice
    tiny.write_bundle(server.files / "ann" / "many" / "top", redrawn_by="elsewhere")
    with pytest.raises(BundleError, match="is redrawn by elsewhere, which is neither in it nor beside it"):
        Translator(open_bundle("hf://ann/many@v1/top"))


def test_what_redraws_a_bundle_comes_out_of_its_folder(server: Hub) -> None:
    top = server.files / "ann" / "whole"
    back = tiny.write_bundle(server.files / "back", tiny.model(scale=-1.0), source="real", target="anime")
    save(tiny.write_bundle(top, redrawn_by="back"), tiny.model(), "# A test\n", top, back=back)
    there = Translator(open_bundle("hf://ann/whole"))
    black = np.zeros((1, tiny.PX, tiny.PX, 3), np.uint8)
    assert np.array_equal(there.translate(black), black + 255)


def test_what_is_cached_needs_no_network(server: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    online = open_bundle("hf://ann/one")
    offline(monkeypatch)
    assert open_bundle("hf://ann/one") == online
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    server.close()
    assert open_bundle("hf://ann/one") == online


def test_a_bundle_without_a_card_is_one(server: Hub) -> None:
    (server.files / "ann" / "one" / "README.md").unlink()
    assert open_bundle("hf://ann/one").method == "cyclegan"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("hf://nobody/nothing", "no repository nobody/nothing"),
        ("hf://closed/gate", "terms"),
        ("hf://ann/one@v9", "no revision 'v9'"),
        ("hf://ann/many", "no bundle (bundle.json and model.onnx) in ann/many"),
        ("hf://ann/one/sub", "the folder sub of ann/one"),
        ("hf://ann/one@v1@v2", "hf://OWNER/NAME"),
    ],
)
def test_refused_in_one_line(server: Hub, name: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["translate", "a.png", "-o", "out", "--bundle", name]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert name in said
    assert words in said


def test_no_network_and_nothing_cached(
    server: Hub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["translate", "a.png", "-o", "out", "--bundle", "hf://ann/one"]
    offline(monkeypatch)
    assert main(command) == 1
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    server.close()
    assert main(command) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    for line in lines:
        assert "hf://ann/one cannot be had" in line
        assert "check the network" in line


def test_a_hub_that_fails_is_named_unless_the_cache_helps(server: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    open_bundle("hf://ann/one")
    monkeypatch.setattr(server, "answer", lambda to, whole: refuse(to, 500, "Broken"))
    assert open_bundle("hf://ann/one").method == "cyclegan"
    with pytest.raises(BundleError, match=r"hf://ann/many cannot be had: .*500") as caught:
        open_bundle("hf://ann/many")
    assert "\n" not in str(caught.value)


def test_a_model_missing(server: Hub) -> None:
    (server.files / "ann" / "one" / "model.onnx").unlink()
    with pytest.raises(BundleError, match=r"model\.onnx"):
        fetch("hf://ann/one")


def test_too_large_is_refused_before_it_is_fetched(server: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(hub.LIMITS, bundle.MODEL, 100)
    with pytest.raises(BundleError, match=r"model\.onnx of ann/one has"):
        fetch("hf://ann/one")
    assert "a:model.onnx" not in server.asked


def test_the_sum_holds_there_too(server: Hub) -> None:
    path = server.files / "ann" / "one" / "model.onnx"
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(BundleError, match="SHA-256"):
        open_bundle("hf://ann/one").model()


def test_the_manifest_is_checked_there_too(server: Hub) -> None:
    manifest = server.files / "ann" / "one" / "bundle.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"license": "MIT"}))
    with pytest.raises(BundleError, match="did you mean 'licence'"):
        open_bundle("hf://ann/one")


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "find_spec", lambda name: None)
    with pytest.raises(BundleError, match=r'pip install "anime2real\[hub\]"'):
        fetch("hf://ann/one")


def test_translating_through_the_hub(server: Hub, tmp_path: Path) -> None:
    black = np.zeros((tiny.PX, tiny.PX, 3), np.uint8)
    for translator in (Translator.load("hf://ann/one"), Translator.open("hf://ann/one")):
        assert (translator.translate(black[None]) == 255).all()
    assert Translator.load("hf://ann/many/sub/back").bundle.target == "anime"
    with pytest.raises(BundleError, match="to real, not to anime"):
        Translator.load("hf://ann/one", to="anime")
    Image.fromarray(black).save(tmp_path / "a.png")
    command = ["translate", "--crop", "none", str(tmp_path / "a.png"), "-o", str(tmp_path / "out")]
    assert main([*command, "--bundle", "hf://ann/one"]) == 0
    assert (np.asarray(Image.open(tmp_path / "out" / "a.png")) == 255).all()


def test_comparing_through_the_hub(server: Hub, tmp_path: Path) -> None:
    assert [found.method for found in find_bundles("hf://ann/one")] == ["cyclegan"]
    Image.new("RGB", (20, 20)).save(tmp_path / "a.png")
    page = tmp_path / "page.html"
    assert main(["compare", "hf://ann/one", "--pictures", str(tmp_path / "a.png"), "-o", str(page)]) == 0
    assert "cyclegan" in page.read_text()


def test_what_we_call_takes_what_we_give(server: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    called = set()

    def watch(name: str) -> None:
        real = getattr(huggingface_hub, name)

        def spy(*positional: Any, **named: Any) -> Any:
            inspect.signature(real).bind(*positional, **named)
            called.add(name)
            return real(*positional, **named)

        monkeypatch.setattr(huggingface_hub, name, spy)

    for name in ("hf_hub_download", "hf_hub_url", "get_hf_file_metadata"):
        watch(name)
    fetch("hf://ann/one@v1")
    assert len(called) == 3
    offline(monkeypatch)
    fetch("hf://ann/one@v1")


def test_using_a_folder_never_imports_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    assert open_bundle(tiny.write_bundle(tmp_path / "b").folder).method == "cyclegan"
