"""Packs in shards: the same pictures, from a folder or a server; other programs read them; nothing done is lost."""

import io
import json
import os
import re
import shutil
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from toys import SHARD

from anime2real.cli.main import main
from anime2real.data import byte_ranges, tar_shards
from anime2real.data.byte_ranges import UnreadableError
from anime2real.data.hold_out import hold_out
from anime2real.data.joined_packs import JoinedPacks
from anime2real.data.labels import add_labels
from anime2real.data.pack import Pack, PackError
from anime2real.data.remote import RemoteError, address_of
from anime2real.data.tar_shards import shard_packs, usual_each


def assert_same_pack(one: Pack, two: Pack) -> None:
    rows = np.random.default_rng(0).permutation(len(one.index))
    assert one.hair is not None
    assert two.hair is not None
    assert np.array_equal(one.images[rows], two.images[rows])
    assert np.array_equal(one.hair[rows], two.hair[rows])
    assert one.index == two.index


def test_pictures_masks_and_index_are_those_of_the_pack(whole: Path, shards: Path) -> None:
    one, two = Pack(whole), Pack(shards)
    assert_same_pack(one, two)
    assert two.images.shape == one.images.shape
    assert np.array_equal(two.images[3:6], one.images[3:6])
    assert np.array_equal(two.images[-1], one.images[-1])
    with pytest.raises(IndexError):
        two.images[len(one.index)]
    two.check()


def test_the_same_pack_gives_the_same_bytes(whole: Path, shards: Path, tmp_path: Path) -> None:
    assert main(["pack", "shard", str(whole), "-o", str(tmp_path / "again"), "--each", str(SHARD), "--quiet"]) == 0
    names = sorted(file.name for file in shards.iterdir())
    assert names == sorted(file.name for file in (tmp_path / "again").iterdir())
    assert names == ["index.jsonl", "meta.json", "samples.npy", *(f"shard-{i:06d}.tar" for i in range(4))]
    assert all((shards / name).read_bytes() == (tmp_path / "again" / name).read_bytes() for name in names)


def test_a_sample_is_the_members_of_one_key(whole: Path, shards: Path) -> None:
    pack = Pack(whole)
    assert pack.hair is not None
    seen = []
    for path in sorted(shards.glob("*.tar")):
        with tarfile.open(path) as tar:
            held = {member.name: tar.extractfile(member).read() for member in tar.getmembers()}  # type: ignore[union-attr]
        for key in sorted({name.split(".")[0] for name in held}):
            row = int(key)
            seen.append(row)
            assert np.array_equal(np.asarray(Image.open(io.BytesIO(held[f"{key}.webp"]))), pack.images[row])
            assert json.loads(held[f"{key}.json"]) == pack.index[row]
            if pack.hair[row].any():
                assert np.array_equal(np.asarray(Image.open(io.BytesIO(held[f"{key}.hair.png"]))), pack.hair[row])
            else:
                assert f"{key}.hair.png" not in held
    assert seen == list(range(len(pack.index)))


def test_the_webdataset_library_reads_them(whole: Path, shards: Path) -> None:
    webdataset = pytest.importorskip("webdataset")
    pack = Pack(whole)
    urls = [str(path) for path in sorted(shards.glob("*.tar"))]
    samples = list(webdataset.WebDataset(urls, shardshuffle=False).decode("rgb8"))
    assert [int(sample["__key__"]) for sample in samples] == list(range(len(pack.index)))
    assert all(np.array_equal(sample["webp"], pack.images[row]) for row, sample in enumerate(samples))
    assert [sample["json"]["file"] for sample in samples] == [entry["file"] for entry in pack.index]


def test_who_was_stopped_goes_on_at_the_next_shard(
    whole: Path, shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []
    write = tar_shards._write_shard

    def stopping(packs: JoinedPacks, work: Path, number: int, *rest: Any) -> None:
        written.append(number)
        if written == [0, 1]:
            raise OSError(28, "No space left on device")
        write(packs, work, number, *rest)

    monkeypatch.setattr(tar_shards, "_write_shard", stopping)
    with pytest.raises(PackError, match="make room, and the same command goes on"):
        shard_packs([whole], tmp_path / "pack", each=SHARD, quiet=True)
    assert not (tmp_path / "pack").exists()
    shard_packs([whole], tmp_path / "pack", each=SHARD, quiet=True)
    assert written == [0, 1, 1, 2, 3]
    assert [path.name for path in tmp_path.iterdir()] == ["pack"]
    for file in shards.iterdir():
        assert file.read_bytes() == (tmp_path / "pack" / file.name).read_bytes()


def test_damage_is_told_where_it_is_read(shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy = tmp_path / "pack"
    copy.mkdir()
    for file in shards.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    pack = Pack(copy)
    content = bytearray((copy / "shard-000001.tar").read_bytes())
    content[600] ^= 1
    (copy / "shard-000001.tar").write_bytes(content)
    assert pack.images[0].any()
    with pytest.raises(UnreadableError, match=r"shard-000001\.tar is damaged \(picture 12 is not what was written\)"):
        pack.images[SHARD]
    assert main(["pack", "show", str(copy), "--check"]) == 1
    assert "shard-000001.tar is not what was written" in capsys.readouterr().err
    (copy / "shard-000002.tar").unlink()
    with pytest.raises(UnreadableError, match=r"shard-000002\.tar cannot be read \(No such file.*\): copy it there"):
        pack.images[2 * SHARD]
    (copy / "samples.npy").write_bytes(b"none")
    with pytest.raises(PackError, match="damaged pack"):
        Pack(copy)


def test_what_cannot_be_done_is_refused(
    whole: Path, shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for change in (lambda: add_labels(shards), lambda: hold_out(shards, {"x"})):
        with pytest.raises(PackError, match="is in shards"):
            change()
    assert main(["pack", "shard", str(shards), "-o", str(tmp_path / "twice")]) == 1
    assert "is in shards already" in capsys.readouterr().err
    assert main(["pack", "shard", str(whole), "-o", str(tmp_path / "none"), "--each", "0"]) == 2
    assert main(["pack", "shard", str(whole), "-o", str(shards)]) == 1
    assert main(["pack", "show", str(shards)]) == 0
    assert "in 4 shards" in capsys.readouterr().out
    assert usual_each(256) == 4096
    assert usual_each(128) == 16384


class Ranges(SimpleHTTPRequestHandler):
    """Files of a folder by ranges, as web servers and S3 give them; Python's own server gives whole files only."""

    asked: list[str]
    failing = 0

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def _answer(self, *, body: bool) -> None:
        path = Path(self.translate_path(self.path))
        type(self).asked.append(f"{self.path} {self.headers.get('Range', '')}")
        if type(self).failing and self.headers.get("Range"):
            type(self).failing -= 1
            self.send_error(503)
            return
        if not path.is_file():
            self.send_error(404)
            return
        content = path.read_bytes()
        told = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        start, stop = (int(told[1]), int(told[2] or len(content) - 1) + 1) if told else (0, len(content))
        self.send_response(206 if told else 200)
        if told:
            self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{len(content)}")
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("ETag", '"0"')
        self.send_header("Last-Modified", "Mon, 30 Nov 2026 00:00:00 GMT")
        self.send_header("Content-Length", str(len(content[start:stop])))
        self.end_headers()
        if body:
            self.wfile.write(content[start:stop])

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@pytest.fixture
def server(shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, type[Ranges]]]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(byte_ranges, "_WAIT_SECONDS", 0.0)
    handler = type("Handler", (Ranges,), {"asked": []})
    monkeypatch.setattr(ThreadingHTTPServer, "request_queue_size", 128)  # ranges are asked for at once
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(shards.parent))) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}", handler
        running.shutdown()
        thread.join()


def test_a_server_gives_what_is_asked_for(whole: Path, server: tuple[str, type[Ranges]]) -> None:
    pytest.importorskip("aiohttp")
    address, handler = server
    remote = Pack(Path(f"{address}/pack"))  # which has lost a slash
    assert not any(".tar" in line for line in handler.asked)
    assert_same_pack(Pack(whole), remote)
    assert all("bytes=" in line for line in handler.asked if ".tar" in line)
    before = len(handler.asked)
    assert remote.folder == Pack(Path(f"{address}/pack")).folder
    assert [line.split()[0] for line in handler.asked[before:]] == ["/pack/meta.json"]
    handler.failing = 2
    remote.images[np.arange(5)]
    assert handler.failing == 0
    handler.failing = 100
    with pytest.raises(UnreadableError, match="cannot be read") as caught:
        remote.images[3]
    assert "\n" not in str(caught.value)
    with pytest.raises(RemoteError, match="is not a pack, or cannot be read"):
        Pack(Path(f"{address}/elsewhere"))


def test_an_object_store_gives_what_is_asked_for(
    whole: Path, server: tuple[str, type[Ranges]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """S3's own words for what is read: GET with a range and HEAD, at an endpoint that is told as AWS tells it."""
    pytest.importorskip("s3fs")
    address, handler = server
    for name, value in (("ENDPOINT_URL", address), ("ACCESS_KEY_ID", "x"), ("SECRET_ACCESS_KEY", "x"), ("REGION", "r")):
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    assert_same_pack(Pack(whole), Pack(Path("s3://pack")))
    assert any(re.match(r"/pack/shard-000000.tar\S* bytes=\d+-\d+", line) for line in handler.asked)


def test_what_is_an_address() -> None:
    assert address_of(Path("s3://bucket/packs/one")) == "s3://bucket/packs/one"
    assert address_of("https://host:1/pack") == "https://host:1/pack"
    assert address_of(Path("file:///packs/one")) == "file:///packs/one"
    assert address_of(Path("packs/one")) is None
    assert address_of(Path(os.path.abspath("pack"))) is None
    assert address_of(Path("C:/packs")) is None


def test_a_server_that_nobody_answers_at_is_said_in_one_line() -> None:
    """FTP is asked as its file system is made; port 1 of this machine is closed."""
    with pytest.raises(RemoteError, match=r"ftp://127.0.0.1:1/pack cannot be reached .*: check the address"):
        Pack(Path("ftp://127.0.0.1:1/pack"))


def copied(shards: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(shards, tmp_path / "copy"))


def test_places_that_are_damaged_are_told(shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Also an empty file, as a full disk leaves it, and one of zeros, which would make every picture black."""
    copy = copied(shards, tmp_path)
    whole = (copy / "samples.npy").read_bytes()
    archive = io.BytesIO()
    np.savez(archive, samples=np.load(copy / "samples.npy"))
    for content in (b"", whole[:60], whole[:-1], archive.getvalue()):
        (copy / "samples.npy").write_bytes(content)
        with pytest.raises(PackError, match=r"samples\.npy is damaged\): make the shards again"):
            Pack(copy)
    samples = np.load(io.BytesIO(whole))
    samples[:] = 0
    np.save(copy / "samples.npy", samples)
    with pytest.raises(UnreadableError, match="is damaged"):
        Pack(copy).images[0]
    assert main(["pack", "show", str(copy), "--check"]) == 1
    assert "samples.npy is not what was written): make the shards again" in capsys.readouterr().err
    (copy / "samples.npy").unlink()
    with pytest.raises(PackError, match=r"samples\.npy: No such file or directory\): make the shards again"):
        Pack(copy)


def test_an_index_that_was_changed_is_told(shards: Path, tmp_path: Path) -> None:
    copy = copied(shards, tmp_path)
    lines = (copy / "index.jsonl").read_text().replace('"scale": 1.25', '"scale": 1.5')
    (copy / "index.jsonl").write_text(lines)
    with pytest.raises(PackError, match=r"index\.jsonl is not what was written"):
        Pack(copy).check()


def test_shards_that_meta_does_not_name_are_told(shards: Path, tmp_path: Path) -> None:
    copy = copied(shards, tmp_path)
    meta = json.loads((copy / "meta.json").read_text())
    for sums, lengths in ((2, 4), (4, 2), (2, 2)):
        less = {**meta["shards"], "sums": meta["shards"]["sums"][:sums], "bytes": meta["shards"]["bytes"][:lengths]}
        (copy / "meta.json").write_text(json.dumps({**meta, "shards": less}))
        with pytest.raises(PackError, match="damaged pack"):
            Pack(copy)


def test_an_archive_of_shards_becomes_a_pack(shards: Path, tmp_path: Path) -> None:
    assert main(["pack", "archive", str(shards), str(tmp_path / "a.zip")]) == 0
    assert main(["pack", "restore", str(tmp_path / "a.zip"), "-o", str(tmp_path / "restored")]) == 0
    restored = Pack(tmp_path / "restored")
    restored.check()
    assert not restored.in_shards
    assert restored.index == Pack(shards).index


def test_a_pack_that_is_given_twice_is_refused(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(whole.parent)
    assert main(["pack", "shard", str(whole), whole.name, "-o", str(tmp_path / "twice")]) == 2
    assert "is given twice" in capsys.readouterr().err
