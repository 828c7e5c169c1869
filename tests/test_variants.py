"""Variants: several results of one picture, the usual one first, the same ones every time."""

import json
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import tiny
from draw_faces import LOOKS, draw_face
from PIL import Image

from anime2real import Translator
from anime2real.bundle.format import STYLE
from anime2real.bundle.registry import default_method
from anime2real.cli.main import main
from anime2real.making import read_making
from anime2real.network import TranslatorError, style_of
from anime2real.one_picture import translate_picture


@pytest.fixture
def bundle(tmp_path: Path) -> str:
    """One that adds a tenth of the style's first number."""
    made = tiny.write_bundle(tmp_path / "styled", tiny.styled_model(), method="galatea", conditions=("style",))
    return str(made.folder)


@pytest.fixture
def grey(tmp_path: Path) -> Path:
    path = tmp_path / "grey.png"
    Image.new("RGB", (tiny.PX, tiny.PX), (128, 128, 128)).save(path)
    return path


def level(path: Path) -> int:
    with Image.open(path) as picture:
        return int(np.asarray(picture)[0, 0, 0])


def expected(variant: int) -> float:
    """The level that a variant makes of 128."""
    return 128 + 127.5 * 0.1 * float(style_of(variant)[0])


def test_the_usual_style_is_nothing_and_others_are_drawn_once_for_all() -> None:
    assert not style_of(0).any()
    assert style_of(1).shape == (STYLE,)
    assert np.array_equal(style_of(3), style_of(3))
    assert not np.array_equal(style_of(3), style_of(4))
    many = np.concatenate([style_of(i) for i in range(1, 400)])
    assert abs(many.mean()) < 0.06
    assert abs(many.std() - 1) < 0.05


def test_a_variant_gets_its_style_whatever_its_company(bundle: str) -> None:
    translator = Translator.open(bundle)
    assert translator.bundle.variants == 16
    assert not translator.bundle.keeps_tilt
    pictures = np.full((3, tiny.PX, tiny.PX, 3), 128, np.uint8)
    for variant in (0, 1, 7):
        results = translator.translate(pictures, variant=variant)
        assert results == pytest.approx(np.full_like(pictures, 128) + expected(variant) - 128, abs=1)
        assert np.array_equal(results[:1], translator.translate(pictures[:1], variant=variant))


def test_a_face_is_turned_upright_for_a_bundle_with_styles_alone(bundle: str) -> None:
    """Styles are no reason to see a face lean."""
    face = draw_face(LOOKS[0], 256)[0].rotate(20, resample=Image.Resampling.BICUBIC, fillcolor="white")
    plain = Translator.open(tiny.write_bundle(Path(bundle).parent / "plain").folder)
    translator = Translator.open(bundle)
    assert np.array_equal(np.asarray(translator(face)), np.asarray(plain(face)))
    assert not np.array_equal(np.asarray(translator(face, variant=1)), np.asarray(plain(face)))


def test_a_bundle_without_styles_has_no_variants(tmp_path: Path) -> None:
    translator = Translator.open(tiny.write_bundle(tmp_path / "plain").folder)
    assert translator.bundle.variants == 1
    with pytest.raises(TranslatorError, match="makes one result of a picture, no variants"):
        translator.translate(np.zeros((1, tiny.PX, tiny.PX, 3), np.uint8), variant=1)


def test_the_command_writes_each_variant(
    tmp_path: Path, bundle: str, grey: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["translate", "--crop", "none", str(grey), "-o", str(tmp_path / "o"), "--bundle", bundle]
    assert main([*command, "--variants", "3", "--json"]) == 0
    names = ["grey.png", "grey-variant-2.png", "grey-variant-3.png"]
    assert json.loads(capsys.readouterr().out)["outputs"] == [str(tmp_path / "o" / name) for name in names]
    assert [level(tmp_path / "o" / name) for name in names] == pytest.approx([expected(i) for i in range(3)], abs=1)
    assert main([*command, "--layout", "pair", "--variants", "2", "--overwrite"]) == 0
    with Image.open(tmp_path / "o" / "grey-variant-2.png") as pair:
        assert pair.size == (2 * tiny.PX, tiny.PX)


def test_faces_and_variants_have_names_of_their_own(tmp_path: Path, bundle: str) -> None:
    two = Image.new("RGB", (512, 256), "white")
    for place, look in ((0, LOOKS[0]), (256, LOOKS[1])):
        two.paste(draw_face(look, 256)[0], (place, 0))
    two.save(tmp_path / "two.png")
    command = ["translate", str(tmp_path / "two.png"), "--bundle", bundle, "--variants", "2"]
    assert main([*command, "-o", str(tmp_path / "o")]) == 0
    assert sorted(path.name for path in (tmp_path / "o").iterdir()) == [
        "two-face-2-variant-2.png", "two-face-2.png", "two-variant-2.png", "two.png",
    ]  # fmt: skip
    for name, asked in (("two-face-2", "layout face"), ("two-face-2-variant-2", "layout face; variant 1")):
        making = read_making(tmp_path / "o" / f"{name}.png")
        assert making is not None
        assert making.asked == asked
    assert main([*command, "--layout", "paste", "-o", str(tmp_path / "p")]) == 0
    assert sorted(path.name for path in (tmp_path / "p").iterdir()) == ["two-variant-2.png", "two.png"]


def test_all_of_them_or_none(tmp_path: Path, bundle: str, grey: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "o"
    output.mkdir()
    (output / "grey-variant-2.png").write_bytes(grey.read_bytes())
    command = ["translate", "--crop", "none", str(grey), "-o", str(output), "--bundle", bundle, "--variants", "2"]
    assert main(command) == 1
    assert "--overwrite" in capsys.readouterr().err
    assert sorted(path.name for path in output.iterdir()) == ["grey-variant-2.png"]


@pytest.mark.parametrize("count", ["0", "17", "-1"])
def test_a_count_that_makes_no_sense(
    tmp_path: Path, bundle: str, grey: Path, count: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["translate", str(grey), "-o", str(tmp_path / "o"), "--bundle", bundle, f"--variants={count}"]
    assert main(command) == 2
    assert "--variants goes from 1 to 16" in capsys.readouterr().err


def test_a_bundle_that_has_none_says_so(tmp_path: Path, grey: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain = str(tiny.write_bundle(tmp_path / "plain").folder)
    assert main(["translate", str(grey), "-o", str(tmp_path / "o"), "--bundle", plain, "--variants", "4"]) == 2
    assert "makes one result of a picture: leave out --variants, or --bundle" in capsys.readouterr().err
    assert not (tmp_path / "o").exists()


def test_the_best_method_that_makes_several_is_taken(
    tmp_path: Path, grey: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ships = tmp_path / "ships"
    tiny.ship_only(monkeypatch, ships)
    tiny.write_bundle(ships / "a", method="galatea")
    command = ["translate", "--to", "real", "--crop", "none", str(grey)]
    assert main([*command, "-o", str(tmp_path / "none"), "--variants", "2"]) == 2
    said = capsys.readouterr().err
    assert "no bundle to real that is installed makes several results" in said
    assert 'pip install "anime2real[methods]" (in a clone: pip install ./bundles/more)' in said
    tiny.write_bundle(ships / "b", tiny.styled_model(), method="galatea-styles", conditions=("style",))
    assert main([*command, "-o", str(tmp_path / "two"), "--variants", "2"]) == 0
    assert level(tmp_path / "two" / "grey-variant-2.png") == pytest.approx(expected(1), abs=1)
    assert (default_method("real"), default_method("real", with_variants=True)) == ("galatea", "galatea-styles")
    assert main([*command, "-o", str(tmp_path / "o"), "--variants", "2", "--method", "galatea"]) == 2
    assert "leave out --variants, or --method" in capsys.readouterr().err


def test_a_whole_picture_has_variants_too(bundle: str, grey: Path) -> None:
    for variant in (0, 5):
        made = translate_picture(grey, bundle=bundle, crop="none", variant=variant)
        assert int(np.asarray(made.image)[0, 0, 0]) == pytest.approx(expected(variant), abs=1)


def test_each_picture_may_have_a_variant_of_its_own(bundle: str) -> None:
    translator = Translator.open(bundle)
    pictures = np.full((2, tiny.PX, tiny.PX, 3), 128, np.uint8)
    mixed = translator.translate(pictures, variant=[0, cast(int, np.int64(3))])
    assert np.array_equal(mixed[0], pictures[0])
    assert np.array_equal(mixed[1], translator.translate(pictures, variant=3)[1])
    for wrong, says in (
        (-1, "from 0, not -1"),
        (1.0, "from 0, not 1"),
        ([0, "x"], "from 0"),
        ([1], "1 variants are"),
    ):
        with pytest.raises(TranslatorError, match=says):
            translator.translate(pictures, variant=wrong)  # type: ignore[arg-type]
