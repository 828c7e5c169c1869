"""The comparison page holds every picture itself, asks for nothing, and shows what the bundles drew."""

import base64
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import tiny
from PIL import Image

from anime2real.cli.main import main
from anime2real.domain import Domain
from anime2real.image.decode import PictureError
from anime2real.measure.compare import CompareError, Subject, from_pack, write_report


class Page(HTMLParser):
    """Tables as rows of cells, pictures, and every address that a browser could ask for."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.text = path.read_text(encoding="utf-8")
        self.tags: list[str] = []
        self.headings: list[str] = []
        self.scopes: list[str | None] = []
        self.images: list[tuple[str, np.ndarray]] = []
        self.addresses: list[str] = []
        self._open = ""
        self.feed(self.text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = dict(attributes)
        self.tags.append(tag)
        self._open = tag
        self.addresses += [str(values[key]) for key in ("src", "href", "srcset", "action", "data") if key in values]
        if tag == "th":
            self.scopes.append(values.get("scope"))
        if tag == "img":
            content = base64.b64decode(str(values["src"]).removeprefix("data:image/webp;base64,"), validate=True)
            with Image.open(io.BytesIO(content)) as picture:
                self.images.append((str(values["alt"]), np.asarray(picture.convert("RGB"))))

    def handle_data(self, data: str) -> None:
        if self._open == "h2" and data.strip():
            self.headings.append(data)


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """cyclegan both ways, difference one; at two sizes."""
    folder = tmp_path / "shipped"
    tiny.ship_only(monkeypatch, folder)
    tiny.write_bundle(folder / "cyclegan-anime-to-real", tiny.model(32, scale=-1.0), px=32, figures={"kid": 0.125})
    tiny.write_bundle(folder / "cyclegan-real-to-anime", source="real", target="anime")
    tiny.write_bundle(folder / "difference-anime-to-real", method="difference")
    return folder


def write_pack(folder: Path, test: int = 5, size: int = 24) -> Path:
    """A pack whose pictures are of one colour each: test pictures of anime 10, 11 …, of real 110, 111 …"""
    folder.mkdir()
    index, images = [], []
    for domain, base in (("anime", 10), ("real", 110)):
        for split, count in (("train", 2), ("test", test)):
            for i in range(count):
                name = f"{domain}.zip/{split}/<{i}>.png"
                index.append({"file": name, "domain": domain, "split": split, "landmarks": None, "tilt": None})
                images.append(np.full((size, size, 3), base + i if split == "test" else 0, np.uint8))
    np.save(folder / "images.npy", np.stack(images))
    (folder / "index.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in index))
    meta = {"format_version": 1, "size": size, "counts": {}, "dropped": {}, "bad": []}
    (folder / "meta.json").write_text(json.dumps(meta))
    return folder


def middle(picture: np.ndarray) -> int:
    return int(picture[picture.shape[0] // 2, picture.shape[1] // 2, 0])


def test_a_page_of_a_pack(tmp_path: Path, shipped: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pack, path = write_pack(tmp_path / "pack"), tmp_path / "new" / "report.html"
    command = ["compare", "cyclegan", "difference", "--data", str(pack), "-o", str(path), "--count", "3"]
    assert main(command) == 0
    assert capsys.readouterr().out == f"{path}\n"
    page = Page(path)
    assert page.headings == [
        "From drawings to photographs (anime to real)",
        "From photographs to drawings (real to anime)",
    ]
    # Test pictures spread over the split, beside each other: input, cyclegan's negative, difference's copy.
    expected = [v for i in (0, 2, 4) for v in (10 + i, 245 - i, 10 + i)] + [
        v for i in (0, 2, 4) for v in 2 * (110 + i,)
    ]
    assert [middle(picture) for _, picture in page.images] == pytest.approx(expected, abs=2)
    assert page.images[1][0] == "anime.zip/test/<0>.png, translated to real by cyclegan"
    assert page.images[1][1].shape == (32, 32, 3)
    assert page.images[2][1].shape == (16, 16, 3)
    assert "kid: 0.125" in page.text
    assert "minutes: 1.5" in page.text
    first = path.read_bytes()
    assert main(command) == 0
    assert path.read_bytes() == first
    assert [p.name for p in path.parent.iterdir()] == ["report.html"]


def test_the_page_asks_for_nothing_and_can_be_read_aloud(tmp_path: Path, shipped: Path) -> None:
    pack, path = write_pack(tmp_path / "pack"), tmp_path / "report.html"
    assert main(["compare", "cyclegan", "difference", "--data", str(pack), "-o", str(path)]) == 0
    page = Page(path)
    assert page.addresses
    assert all(address.startswith("data:image/webp;base64,") for address in page.addresses)
    assert not re.search(r"https?:|//[a-z]|url\(|@import|<script|<link", page.text)
    assert "default-src 'none'" in page.text
    assert page.tags.count("table") == page.tags.count("caption") == page.tags.count("thead") == 4
    assert set(page.scopes) == {"col", "row"}
    assert all(alt for alt, _ in page.images)
    assert '<html lang="en">' in page.text
    assert "color-scheme: light dark" in page.text
    assert "prefers-color-scheme: dark" in page.text


def test_generated_pictures_are_marked_and_inputs_are_not(tmp_path: Path, shipped: Path) -> None:
    pack, path = write_pack(tmp_path / "pack"), tmp_path / "report.html"
    assert main(["compare", "difference", "--data", str(pack), "-o", str(path), "--count", "1"]) == 0
    contents = [base64.b64decode(code) for code in re.findall(r"base64,([^\"]+)", path.read_text())]
    assert [b"trainedAlgorithmicMedia" in content for content in contents] == [False, True]


def test_whatever_comes_from_outside_is_escaped(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>\"'&"
    folder = tiny.write_bundle(tmp_path / "b", figures={evil: evil, "nested": {"a": [evil]}}).folder
    picture = tmp_path / "<b onload='x'>.png"
    Image.new("RGB", (9, 9)).save(picture)
    path = tmp_path / "report.html"
    assert main(["compare", str(folder), "--pictures", str(picture), "-o", str(path)]) == 0
    page = Page(path)
    assert "script" not in page.tags
    assert "b" not in page.tags
    assert "&lt;script&gt;" in page.text
    assert page.images[0][0].startswith(str(picture))


def test_given_pictures_go_the_way_that_the_bundles_go(
    tmp_path: Path, shipped: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for i in range(4):
        Image.new("RGB", (20, 30), (100 + i,) * 3).save(tmp_path / f"{i}.png")
    (tmp_path / "0.jpg").write_text("no picture")
    path = tmp_path / "report.html"
    command = ["compare", "cyclegan", "--pictures", str(tmp_path / "?.*"), "-o", str(path)]
    assert main([*command, "--to", "anime", "--count", "2"]) == 1  # one is bad, and said to be
    assert "0.jpg" in capsys.readouterr().err
    page = Page(path)
    assert page.headings == ["From photographs to drawings (real to anime)"]
    assert [middle(picture) for _, picture in page.images] == pytest.approx([100, 100, 101, 101], abs=2)


def test_bundles_of_one_method_are_told_apart_and_counted_once(tmp_path: Path) -> None:
    one, two = (tiny.write_bundle(tmp_path / name) for name in ("one", "two"))
    subjects: dict[Domain, list[Subject]] = {"anime": from_pack(write_pack(tmp_path / "pack"), "anime", 1)}
    page = Page(write_report([one, two, one], subjects, tmp_path / "r.html"))
    assert [alt.rpartition(" by ")[2] for alt, _ in page.images[1:]] == [
        f"cyclegan ({tmp_path / name})" for name in ("one", "two")
    ]


def test_nothing_to_compare(tmp_path: Path, shipped: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pack = write_pack(tmp_path / "pack", test=0)
    for arguments, code, words in (
        (["--data", str(pack)], 1, "no anime pictures in its test split"),
        (["--data", str(tmp_path)], 1, "not a pack"),
        (["--data", str(tmp_path / "nowhere")], 2, "nowhere is not there"),
        (["--pictures", str(tmp_path / "none.png")], 1, "none.png is not there"),
    ):
        assert main(["compare", "difference", "-o", str(tmp_path / "r.html"), *arguments]) == code
        told = capsys.readouterr().err
        assert words in told
        assert told.count("\n") == 1
    assert not (tmp_path / "r.html").exists()


def test_a_page_that_cannot_be_written(tmp_path: Path) -> None:
    bundle = tiny.write_bundle(tmp_path / "b")
    subjects: dict[Domain, list[Subject]] = {"anime": from_pack(write_pack(tmp_path / "pack"), "anime", 1)}
    (tmp_path / "file").write_text("x")
    with pytest.raises(CompareError, match="cannot be written"):
        write_report([bundle], subjects, tmp_path / "file" / "r.html")


def test_label_maps_are_shown_in_colours(tmp_path: Path) -> None:
    values = np.repeat(np.repeat(np.array([[0, 1], [2, 1]], np.uint8), 8, axis=0), 8, axis=1)
    picture = Image.fromarray(np.repeat(values[:, :, None], 3, axis=2))
    bundle = tiny.write_bundle(tmp_path / "b", classes=("nothing", "skin", "hair"))
    subjects: dict[Domain, list[Subject]] = {"anime": [Subject("map.png", picture)]}
    (_, shown), (_, result) = Page(write_report([bundle], subjects, tmp_path / "page.html")).images
    assert result.max() < 12  # the numbers themselves
    colours = [shown[4, 4].astype(int), shown[4, 12].astype(int), shown[12, 4].astype(int)]
    assert colours[0].max() < 12
    assert min(np.abs(colours[i] - colours[j]).max() for i, j in ((0, 1), (0, 2), (1, 2))) > 80
    grey = Image.new("RGB", (16, 16), (9, 9, 9))
    with pytest.raises(PictureError, match="the picture has the value 9: it is no label map of 3 classes"):
        write_report([bundle], {"anime": [Subject("grey.png", grey)]}, tmp_path / "page.html")
