"""The script that builds the page for the browser alone, with a toy of the runtime."""

import base64
import hashlib
import io
import json
import re
import tarfile
from pathlib import Path

import build_try
import pytest
import tiny

from anime2real.bundle.registry import PREFERRED, UnknownMethodError, shipped
from anime2real.face.geometry import TEMPLATE
from anime2real.face.who import LABEL_CROP, LABELS
from anime2real.image import provenance as marks

RUNTIME = {name: f"// {name}".encode() for name in build_try.NEEDED}


def tarball(files: dict[str, bytes], *, link: str | None = None) -> bytes:
    """An npm package of files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        if link:
            member = tarfile.TarInfo(link)
            member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
            archive.addfile(member)
    return buffer.getvalue()


def package(**more: bytes) -> bytes:
    return tarball({f"package/dist/{name}": content for name, content in RUNTIME.items()} | more)


def integrity(content: bytes) -> str:
    return "sha512-" + base64.b64encode(hashlib.sha512(content).digest()).decode()


def test_what_is_needed_is_unpacked_and_nothing_else() -> None:
    more = {"package/dist/ort.all.mjs": b"x", "../ort.wasm.min.mjs": b"evil", "package/package.json": b"{}"}
    assert build_try.unpacked(package(**more)) == RUNTIME


@pytest.mark.parametrize("missing", build_try.NEEDED)
def test_a_package_that_lacks_something(missing: str) -> None:
    files = {f"package/dist/{name}": content for name, content in RUNTIME.items() if name != missing}
    with pytest.raises(build_try.BuildError, match=missing):
        build_try.unpacked(tarball(files, link=f"package/dist/{missing}"))  # a link is no file


@pytest.mark.parametrize("content", [b"", b"no tarball", package()[:90]], ids=["empty", "other", "cut off"])
def test_a_damaged_package(content: bytes) -> None:
    with pytest.raises(build_try.BuildError):
        build_try.unpacked(content)


def test_the_sum() -> None:
    content = package()
    assert build_try.checked(content, integrity(content)) == content
    with pytest.raises(build_try.BuildError, match="SHA-512"):
        build_try.checked(content + b" ", integrity(content))
    with pytest.raises(build_try.BuildError, match="sha1"):
        build_try.checked(content, "sha1-x")
    with pytest.raises(build_try.BuildError, match="SHA-512"):
        build_try.checked(content)  # the toy is not what is pinned


def test_the_page(tmp_path: Path) -> None:
    bundles = [tiny.write_bundle(tmp_path / "a"), tiny.write_bundle(tmp_path / "b", source="real", target="anime")]
    folder = tmp_path / "site" / "try"
    for _ in range(2):  # it replaces itself
        manifest = build_try.build(folder, RUNTIME, bundles)
    assert json.loads((folder / "manifest.json").read_text()) == manifest
    there = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert there == set(manifest["files"]) | {"manifest.json", "sw.js"}
    worker = (folder / "sw.js").read_text(encoding="utf-8")
    kept = json.loads(re.findall(r"(?m)^const FILES = (.*);$", worker)[0])
    assert set(kept) == there - {"sw.js", "index.html"}
    assert re.search(r'(?m)^const BUILD = "[0-9a-f]{16}";$', worker)
    for name, facts in manifest["files"].items():
        content = (folder / name).read_bytes()
        assert facts == {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    assert {"index.html", "main.js", "worker.js", "style.css", "models/detector.onnx", "models/head.onnx"} < there
    assert manifest["translators"]["real"]["model"] == "models/cyclegan-anime-to-real.onnx"
    assert manifest["translators"]["anime"]["px"] == tiny.PX
    assert manifest["face"]["template"] == TEMPLATE.tolist()
    assert marks.GENERATED in manifest["xmp"]
    assert [p.name for p in folder.parent.iterdir()] == ["try"]
    assert manifest["labels"] is None
    assert "models/labels.onnx" not in there
    assert_parts_of_serve((folder / "index.html").read_text(encoding="utf-8"))


def assert_parts_of_serve(page: str) -> None:
    assert "from serve" not in page
    assert "/page/" not in page
    for part in ('id="drop"', 'name="to"', 'id="after"', 'id="compare"', 'id="who"'):
        assert page.count(part) == (2 if part == 'name="to"' else 1)


def test_the_page_brings_what_reads_sex_and_age_for_a_bundle_that_is_told_who_to_show(tmp_path: Path) -> None:
    told = tiny.write_bundle(tmp_path / "a", tiny.who_model(), conditions=("who",), ages=(20, 60))
    plain = tiny.write_bundle(tmp_path / "b", source="real", target="anime")
    manifest = build_try.build(tmp_path / "try", RUNTIME, [told, plain])
    assert {to: facts["ages"] for to, facts in manifest["translators"].items()} == {"real": [20, 60], "anime": None}
    assert manifest["labels"] == {"model": "models/labels.onnx", "crop": LABEL_CROP}
    assert (tmp_path / "try" / "models" / "labels.onnx").read_bytes() == LABELS.read_bytes()


def test_the_page_brings_what_redraws_a_bundle(tmp_path: Path) -> None:
    back = tiny.write_bundle(tmp_path / "back", tiny.model(scale=-1.0), source="real", target="anime")
    there = tiny.write_bundle(tmp_path / "there", redrawn_by="back")
    manifest = build_try.build(tmp_path / "try", RUNTIME, [there])
    facts = manifest["translators"]["real"]["redrawn_by"]
    assert facts == {"model": f"models/{back.name}.onnx", "px": tiny.PX, "conditions": [], "ages": None}
    assert (tmp_path / "try" / facts["model"]).read_bytes() == back.model()
    assert facts["model"] in manifest["files"]
    assert set(manifest["translators"]) == {"real"}


def test_a_folder_of_somebody_else_is_left(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(build_try.BuildError, match="not empty"):
        build_try.build(tmp_path, RUNTIME, [])
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_which_bundles(tmp_path: Path) -> None:
    best = next(m for m in PREFERRED if m in {b.method for b in shipped()})
    assert {b.name for b in build_try.chosen(None, [])} == {f"{best}-anime-to-real", f"{best}-real-to-anime"}
    assert {b.method for b in build_try.chosen("difference", [])} == {"difference"}
    with pytest.raises(UnknownMethodError):
        build_try.chosen("diffrence", [])
    one = tiny.write_bundle(tmp_path / "a")
    assert build_try.chosen(None, [one.folder]) == [one]
    with pytest.raises(build_try.BuildError, match="both go to real"):
        build_try.chosen(None, [one.folder, one.folder])


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    content = package()
    (tmp_path / "toy.tgz").write_bytes(content)
    given = ["-o", str(tmp_path / "out"), "--method", "difference", "--tarball", str(tmp_path / "toy.tgz")]
    assert build_try.main(given) == 1
    assert "not onnxruntime-web" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    monkeypatch.setattr(build_try.checked, "__defaults__", (integrity(content),))
    assert build_try.main(given) == 0
    assert "difference-real-to-anime" in capsys.readouterr().out
    assert (tmp_path / "out" / "runtime" / "ort.wasm.min.mjs").read_bytes() == RUNTIME["ort.wasm.min.mjs"]


def test_a_registry_that_does_not_answer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for registry, words in [("http://127.0.0.1:9", "npm pack"), ("file:///etc", "https://")]:
        assert build_try.main(["-o", str(tmp_path / "out"), "--registry", registry]) == 1
        assert words in capsys.readouterr().err


def test_the_page_names_no_other_origin() -> None:
    for path in (path for path in build_try.PAGE.iterdir() if path.suffix != ".png"):
        text = path.read_text(encoding="utf-8")
        assert "http://" not in text, path
        assert "https://" not in text, path
    policy = (build_try.PAGE / "index.html").read_text(encoding="utf-8")
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy
    assert " style=" not in policy
