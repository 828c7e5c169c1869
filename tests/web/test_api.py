"""The API as it is documented; test_api_refusals.py has what it refuses."""

import base64
import html
import io
import json
import re
import shlex
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import live
import numpy as np
import pytest
import tiny
from live import FACE, Live, error
from pictures import saved
from PIL import Image

from anime2real.bundle.format import Bundle
from anime2real.image.decode import decode
from anime2real.image.provenance import GENERATED, read_marks
from anime2real.network import style_of
from anime2real.translator import find_faces


def pixels(png: bytes) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


@pytest.fixture(scope="module")
def two() -> bytes:
    """A picture of two faces, the second the smaller one."""
    canvas = Image.new("RGB", (640, 400), (230, 235, 240))
    face = Image.open(io.BytesIO(FACE))
    canvas.paste(face.resize((320, 320)), (20, 40))
    canvas.paste(face.transpose(Image.Transpose.FLIP_LEFT_RIGHT).resize((200, 200)), (400, 100))
    return saved(canvas, "PNG")


def test_health_and_methods(server: Live, bundles: list[Bundle]) -> None:
    assert server.client.get("/healthz").json() | {"version": ""} == {"status": "ok", "version": "", "waiting": 0}
    body = server.client.get("/v1/methods").json()
    assert [(m["method"], m["from"], m["to"], m["default"]) for m in body["methods"]] == [
        ("cyclegan", "anime", "real", True),
        ("cyclegan", "real", "anime", True),
        ("difference", "anime", "real", False),
    ]
    assert [m["sha256"] for m in body["methods"]] == [b.sha256 for b in bundles]
    assert body["limits"]["max_bytes"] == 16 * 2**20


def test_faces_are_those_of_the_library(server: Live, two: bytes) -> None:
    body = server.post("/v1/faces", two).json()
    image = decode(two).image
    assert body["size"] == [640, 400]
    assert body["format"] == "PNG"
    assert body["faces"] == [face.as_record() for face in find_faces(image)]
    assert len(body["faces"]) == 2
    assert [face["domain"] for face in body["faces"]] == ["anime", "anime"]


def test_a_face_is_a_marked_png(server: Live, tmp_path: Path) -> None:
    response = server.post("/v1/translate")
    assert response.headers["content-type"] == "image/png"
    assert "cyclegan-real.png" in response.headers["content-disposition"]
    (tmp_path / "x.png").write_bytes(response.content)
    assert read_marks(tmp_path / "x.png")["DigitalSourceType"] == GENERATED
    assert pixels(response.content).shape == (16, 16, 3)


def test_what_comes_is_what_the_network_makes(server: Live) -> None:
    body = server.post("/v1/translate", headers={"Accept": "application/json"}).json()
    (result,) = body["results"]
    before, after = (pixels(base64.b64decode(result[key])) for key in ("input_png", "png"))
    assert np.abs(after.astype(int) - (255 - before.astype(int))).max() <= 1  # the tiny model inverts
    assert "DigitalSourceType" not in str(Image.open(io.BytesIO(base64.b64decode(result["input_png"]))).info)
    pair = pixels(server.post("/v1/translate", layout="pair").content)
    assert np.array_equal(pair, np.concatenate([before, after], axis=1))
    assert np.array_equal(pixels(server.post("/v1/translate").content), after)


def test_paste_changes_the_face_alone(server: Live, two: bytes) -> None:
    given = pixels(two)
    one = pixels(server.post("/v1/translate", two, layout="paste", face="0").content)
    both = pixels(server.post("/v1/translate", two, layout="paste", face="all").content)
    assert one.shape == both.shape == given.shape
    left, right = np.s_[:, :340], np.s_[:, 420:580]
    assert np.abs(one[left].astype(int) - given[left]).max() > 50
    assert np.array_equal(one[right], given[right])
    assert np.abs(both[right].astype(int) - given[right]).max() > 50
    assert np.array_equal(one[:5], given[:5])


def test_faces_are_replaced_each_in_its_own_way(server: Live, two: bytes, tmp_path: Path) -> None:
    each = '[{"face": 0, "to": "real", "method": "difference"}, {"face": 1, "to": "anime"}]'
    made = server.post("/v1/translate", two, layout="paste", replace=each).content
    (tmp_path / "both.png").write_bytes(made)
    marks = read_marks(tmp_path / "both.png")
    assert (marks["AISystemUsed"], marks["AIPromptInformation"]) == (
        "difference-anime-to-real; cyclegan-real-to-anime", "layout paste; face 1; layout paste; face 2",
    )  # fmt: skip
    together = pixels(made)
    first = pixels(server.post("/v1/translate", two, layout="paste", to="real", method="difference").content)
    second = pixels(server.post("/v1/translate", two, layout="paste", face="1", to="anime").content)
    assert np.array_equal(together[:, :340], first[:, :340])
    assert np.array_equal(together[:, 420:], second[:, 420:])


def test_a_box_drawn_by_hand_is_a_face(server: Live, two: bytes) -> None:
    """The face that the finder sees in it; else the box itself."""
    body = server.post("/v1/faces", two).json()
    left, top, right, bottom = body["faces"][1]["box"]
    drawn = ",".join(str(v) for v in (left - 20, top - 12, right + 9, bottom + 20))
    boxed = pixels(server.post("/v1/translate", two, layout="paste", box=drawn).content)
    found = pixels(server.post("/v1/translate", two, layout="paste", face="1").content)
    assert np.abs(boxed.astype(int) - found.astype(int)).mean() < 3
    grey = saved(Image.new("RGB", (300, 200), (128, 128, 128)), "PNG")
    assert "to=real" in error(server.post("/v1/translate", grey, box="100,50,200,150"), 400)
    pasted = pixels(server.post("/v1/translate", grey, box="100,50,200,150", to="real", layout="paste",
                                method="difference").content)  # fmt: skip
    changed = np.argwhere((pasted != 128).any(-1))
    assert (changed.min(0) >= (48, 98)).all()
    assert (changed.max(0) <= (152, 202)).all()
    assert (pasted[100, 150] != 128).all()


def test_notes_reach_those_who_get_a_png(server: Live) -> None:
    answer = server.post("/v1/translate", to="anime")
    (note,) = json.loads(answer.headers["x-anime2real-notes"])
    assert "look drawn already" in note
    assert "x-anime2real-notes" not in server.post("/v1/translate").headers


@pytest.mark.parametrize("path", ["/", "/api", "/healthz", "/v1/methods", "/openapi.json", "/page/main.js"])
def test_head_answers_as_get_without_a_body(server: Live, path: str) -> None:
    head, get = server.client.head(path), server.client.get(path)
    assert head.status_code == get.status_code == 200
    assert head.content == b""
    assert head.headers["content-type"] == get.headers["content-type"]
    assert server.client.head("/v1/faces").status_code == 405


def test_the_guide_shows_lines_that_work(server: Live) -> None:
    """Each curl line's path, fields and values are those of the API."""
    page = server.client.get("/api").text
    lines = re.findall(r"^(?:.*<code>)?(curl .*?)(?:</code>.*)?$", page, re.MULTILINE)
    assert len(lines) >= 8
    second = ', {"face": 1, "who": "man"}'  # which this picture does not have
    for line in lines:
        *fields, url = [w for w in shlex.split(html.unescape(line), comments=True)[1:] if w != "-F"]
        if "-o" in fields or url.endswith(".png"):
            fields = [w for w in (*fields, url) if (w != "-o" and not w.endswith((".png", ".jpg"))) or "=" in w]
            url = fields.pop()
        told = dict(field.split("=", 1) for field in fields if not field.startswith("picture="))
        if fields:
            told.pop("who", None)  # of a method that these tiny bundles do not have
            answer = server.post(url, FACE, **{k: v.replace(second, "") for k, v in told.items()})
        else:
            answer = server.client.get(url)
        assert answer.status_code == 200, (line, answer.text)
    for words in ("box", "replace", "504", "403", "/openapi.json"):
        assert words in page


def test_several_results_are_json(server: Live, two: bytes) -> None:
    body = server.post("/v1/translate", two, method="all", face="all").json()
    assert [(r["method"], r["faces"]) for r in body["results"]] == [
        ("cyclegan", [0]),
        ("cyclegan", [1]),
        ("difference", [0]),
        ("difference", [1]),
    ]
    assert body["to"] == "real"
    named = server.post("/v1/translate", two, method=["difference", "cyclegan"]).json()
    assert [r["method"] for r in named["results"]] == ["difference", "cyclegan"]
    rejected = server.post("/v1/translate", two, method="all", headers={"Accept": "image/png"})
    assert "application/json" in error(rejected, 406)


def test_the_direction_is_the_other_domain_unless_told(server: Live) -> None:
    accept = {"Accept": "application/json"}
    assert server.post("/v1/translate", headers=accept).json()["to"] == "real"
    against = server.post("/v1/translate", to="anime", headers=accept).json()
    assert against["to"] == "anime"
    assert "look drawn already" in against["notes"][0]


def test_the_centre_is_taken_for_a_face_where_asked(server: Live) -> None:
    stripes = Image.fromarray(np.tile(np.array([[[0] * 3, [200] * 3]], np.uint8), (64, 64, 1)))
    assert "face=centre" in error(server.post("/v1/translate", saved(stripes, "PNG")), 422)
    assert server.post("/v1/faces", saved(stripes, "PNG")).json()["faces"] == []
    assert "to=real" in error(server.post("/v1/translate", saved(stripes, "PNG"), face="centre"), 400)
    assert server.post("/v1/translate", saved(stripes, "PNG"), face="centre", to="real").status_code == 200


@pytest.mark.parametrize(
    ("fields", "asked"),
    [
        ({}, "layout face"), ({"face": "1"}, "layout face; face 2"), ({"layout": "paste"}, "layout paste; face 1"),
        ({"layout": "paste", "face": "all"}, "layout paste"), ({"face": "centre"}, "layout face; crop none"),
        ({"box": "10,10,250,250"}, "layout face"),
    ],
)  # fmt: skip
def test_results_tell_what_was_asked_for_as_those_of_the_command_line(
    server: Live, two: bytes, tmp_path: Path, fields: dict[str, str], asked: str
) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(server.post("/v1/translate", two, to="real", **fields).content)
    assert read_marks(path)["AIPromptInformation"] == asked


def test_a_camera_s_turned_picture_stands_upright(server: Live) -> None:
    turned = Image.open(io.BytesIO(FACE)).convert("RGB").crop((0, 0, 256, 250)).transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6
    body = server.post("/v1/faces", saved(turned, "JPEG", quality=95, exif=exif.tobytes())).json()
    assert body["size"] == [256, 250]
    assert abs(body["faces"][0]["tilt_degrees"]) < 15


def test_openapi_tells_everything(server: Live) -> None:
    body = server.client.get("/openapi.json").json()
    assert set(body["paths"]) == {"/healthz", "/v1/methods", "/v1/faces", "/v1/translate"}
    translate = body["paths"]["/v1/translate"]["post"]
    fields = translate["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert set(fields["properties"]) == {
        "picture", "to", "method", "face", "box", "layout", "variant", "who", "redraw", "replace"
    }  # fmt: skip
    assert fields["required"] == ["picture"]
    assert {"200", "400", "408", "413", "415", "422", "503", "504"} <= set(translate["responses"])
    assert set(translate["responses"]["200"]["content"]) == {"application/json", "image/png"}
    face = body["components"]["schemas"]["FaceOut"]
    assert set(face["properties"]) == {"box", "landmarks", "tilt_degrees", "domain", "score"}
    for path in body["paths"].values():
        for method in path.values():
            for response in method["responses"].values():
                assert response["description"]
    for off in ("/docs", "/redoc"):  # they would load scripts from elsewhere
        assert server.client.get(off).status_code == 404


def test_a_variant_is_another_result_of_the_same_face(styled: Live) -> None:
    """The tiny network adds a tenth of the style's first number."""
    offered = {(m["method"], m["to"]): m for m in styled.client.get("/v1/methods").json()["methods"]}
    assert offered["galatea", "real"]["variants"] == 16
    assert offered["cyclegan", "real"]["variants"] == 1
    usual, again, other = (
        np.asarray(Image.open(io.BytesIO(styled.post("/v1/translate", to="real", **fields).content)), np.float64)
        for fields in ({}, {"variant": "0"}, {"variant": "2"})
    )
    assert np.array_equal(usual, again)
    middle = (usual > 60) & (usual < 200)  # where nothing is cut off
    assert (other - usual)[middle].mean() == pytest.approx(127.5 * 0.1 * style_of(2)[0], abs=0.5)
    rejected = styled.post("/v1/translate", to="real", method="cyclegan", variant="2")
    assert rejected.status_code == 400
    assert "makes one result of a picture: leave variant out" in rejected.json()["error"]


def test_results_are_redrawn_unless_that_is_not_wanted(tmp_path: Path) -> None:
    tiny.write_bundle(tmp_path / "back", tiny.model(scale=-1.0), source="real", target="anime")
    there = tiny.write_bundle(tmp_path / "there", tiny.model(), redrawn_by="back")
    with live.running([there]) as server:
        fields = {"to": "real", "face": "centre"}
        usual, redrawn, plain = (
            np.asarray(Image.open(io.BytesIO(server.post("/v1/translate", **fields, **more).content)))
            for more in ({}, {"redraw": "true"}, {"redraw": "false"})
        )
        assert np.array_equal(usual, redrawn)
        assert np.array_equal(plain, 255 - usual)  # nothing but the way back turns light into dark
        for more, system in (({}, f"{there.name}, redrawn by back"), ({"redraw": "false"}, there.name)):
            (tmp_path / "x.png").write_bytes(server.post("/v1/translate", **fields, **more).content)
            assert read_marks(tmp_path / "x.png")["AISystemUsed"] == system
        rejected = server.post("/v1/translate", **fields, redraw="no")
        assert rejected.json()["error"] == "redraw is 'no': give one of true, false"


def test_a_variant_without_a_method_is_made_by_one_that_makes_several(bundles: list[Bundle], tmp_path: Path) -> None:
    """Not by the best of all, which makes one; only where none does, that is said."""
    best = tiny.write_bundle(tmp_path / "best", tiny.model(add=-0.5), method="galatea")
    several = tiny.write_bundle(tmp_path / "s", tiny.styled_model(), method="galatea-styles", conditions=("style",))
    with live.running([*bundles, best, several]) as served:
        usual = served.post("/v1/translate", to="real").content
        other, named = (
            served.post("/v1/translate", to="real", variant="2", **more).content
            for more in ({}, {"method": "galatea-styles"})
        )
        assert usual != other == named
        rejected = served.post("/v1/translate", to="anime", variant="2")
        assert rejected.status_code == 400
        assert "makes one result" in rejected.json()["error"]


def test_methods_that_cannot_be_told_do_not_say_whom_they_show(told: Live, tmp_path: Path) -> None:
    asked = {}
    for result in told.post("/v1/translate", to="real", method="all", who="man").json()["results"]:
        (tmp_path / "x.png").write_bytes(base64.b64decode(result["png"]))
        asked[result["method"]] = read_marks(tmp_path / "x.png")["AIPromptInformation"]
    assert asked == {
        "cyclegan": "layout face", "difference": "layout face", "galatea": "layout face; who man",
    }  # fmt: skip


def test_variants_asked_for_at_once_do_not_mix(styled: Live) -> None:
    with ThreadPoolExecutor(4) as pool:
        answers = list(
            pool.map(lambda v: styled.post("/v1/translate", to="real", variant=str(v)).content, (0, 1, 2, 1))
        )
    assert answers[1] == answers[3]
    assert len(set(answers)) == 3
