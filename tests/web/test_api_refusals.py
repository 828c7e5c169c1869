"""What the API refuses: bad files, wrong fields, forms that are none, too much; each in one line."""

from pathlib import Path
from typing import Any

import live
import pytest
from live import FACE, Live, error
from pictures import saved
from PIL import Image

from anime2real.bundle.format import Bundle


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"hello", "not a picture"),
        (b"%PDF-1.7", "PDF"),
        (FACE[: len(FACE) // 2], "damaged"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "damaged"),
    ],
)
def test_bad_files_are_told_in_a_line(server: Live, content: bytes, says: str) -> None:
    for path in ("/v1/faces", "/v1/translate"):
        assert says in error(server.post(path, content), 422)


@pytest.mark.parametrize(
    ("fields", "status", "says"),
    [
        ({"face": "3"}, 422, "no face 3"),
        ({"face": "-1"}, 400, "face is '-1'"),
        ({"face": "9" * 400}, 400, "face is"),
        ({"to": "manga"}, 400, "real"),
        ({"method": "cyclegam"}, 400, "did you mean 'cyclegan'"),
        ({"method": "difference", "to": "anime"}, 400, "does not translate to anime"),
        ({"layout": "pear"}, 400, "did you mean 'pair'"),
        ({"to": ["real", "anime"]}, 400, "2 times"),
        ({"colour": "red"}, 400, "unknown field 'colour'"),
        ({"box": "1,2,3"}, 400, "left,top,right,bottom"),
        ({"box": "0,0,nan,9"}, 400, "left,top,right,bottom"),
        ({"box": "0,0,9,9", "face": "1"}, 400, "give one of them"),
        ({"replace": "[]"}, 400, "layout=paste"),
        ({"replace": "{}", "layout": "paste"}, 400, "no JSON list"),
        ({"replace": '[{"face": 0}]', "layout": "paste", "to": "real"}, 400, "the picture alone"),
        ({"replace": '[{"fase": 0}]', "layout": "paste"}, 400, "did you mean 'face'"),
        ({"replace": '[{"face": "all"}]', "layout": "paste"}, 400, "one by one"),
        ({"replace": '[{"face": 0.5}]', "layout": "paste"}, 400, "neither text nor a whole number"),
        ({"replace": '[{"face": 7}]', "layout": "paste"}, 422, "no face 7"),
    ],
)
def test_wrong_fields_are_told_in_a_line(server: Live, fields: dict[str, Any], status: int, says: str) -> None:
    assert says in error(server.post("/v1/translate", **fields), status)


def test_forms_that_are_none(server: Live) -> None:
    client = server.client
    assert "multipart" in error(client.post("/v1/faces", json={"picture": "x"}), 415)
    assert "multipart" in error(client.post("/v1/faces"), 415)
    assert "unknown field 'x'" in error(client.post("/v1/faces", files={"x": (None, "y")}), 400)
    assert "no picture" in error(client.post("/v1/translate", files={"to": (None, "real")}), 400)
    pictures = [("picture", ("a", FACE)), ("picture", ("b", FACE))]
    assert "one picture" in error(client.post("/v1/faces", files=pictures), 400)
    kind = {"Content-Type": "multipart/form-data"}
    assert "cannot be read" in error(client.post("/v1/faces", content=b"abc", headers=kind), 400)
    assert "file" in error(client.post("/v1/faces", files={"picture": (None, "words")}), 400)
    assert "/nowhere" in error(client.get("/nowhere"), 404)
    assert "GET" in error(client.get("/v1/faces"), 405)


def test_limits_on_bytes_and_pixels(bundles: list[Bundle]) -> None:
    with live.running(bundles, max_bytes=100_000, max_pixels=300 * 300) as served:
        assert served.post("/v1/faces").status_code == 200
        assert "100,000" in error(served.post("/v1/faces", FACE + bytes(100_000)), 413)
        assert "100,000" in error(served.post("/v1/faces", bytes(3_000_000)), 413)
        assert "90,000" in error(served.post("/v1/faces", saved(Image.new("RGB", (301, 300)), "PNG")), 422)
        assert served.state.body_bytes.held == 0


def test_too_many_translations_are_rejected_at_once(server: Live, monkeypatch: pytest.MonkeyPatch, two: Path) -> None:
    monkeypatch.setattr("anime2real.web.service.MAX_TRANSLATIONS", 3)
    assert "4 translations" in error(server.post("/v1/translate", two.read_bytes(), face="all", method="all"), 422)
    assert server.post("/v1/translate", two.read_bytes(), face="all").status_code == 200


@pytest.mark.parametrize("variant", ["-1", "16", "x", "1.5", "999999999999"])
def test_a_variant_that_is_no_number_from_0_to_15(styled: Live, variant: str) -> None:
    answer = styled.post("/v1/translate", to="real", variant=variant)
    assert "give a number from 0, the usual result, to 15" in error(answer, 400)
