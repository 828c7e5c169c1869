"""A result says by what it was made, and one made otherwise is not taken for done."""

import json
from pathlib import Path

import pytest
import tiny
from translating import colour, draw

from anime2real import translate_picture
from anime2real.bundle.format import read
from anime2real.cli.main import main
from anime2real.face.who import Who
from anime2real.image.provenance import Making
from anime2real.making import in_words, made_otherwise, making_of, of_clip, of_variant, read_making
from anime2real.network import Network
from anime2real.outcome import Options

THERE = "there-anime-to-real"
BACK = "back-real-to-anime"


@pytest.fixture
def redrawn(tmp_path: Path) -> Path:
    """A bundle that brightens, redrawn by one that halves."""
    tiny.write_bundle(tmp_path / BACK, tiny.model(scale=0.5), method="back", source="real", target="anime")
    return tiny.write_bundle(tmp_path / THERE, tiny.model(add=0.25), method="there", redrawn_by=BACK).folder


def test_a_result_that_was_not_drawn_again_says_so_and_is_not_taken_for_done(
    redrawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture, out = draw(tmp_path / "a.png", 100), tmp_path / "out"
    command = ["translate", "--crop", "none", str(picture), "-o", str(out), "--bundle", str(redrawn)]
    assert main([*command, "--no-redraw"]) == 0
    once = colour(out / "a.png")
    capsys.readouterr()
    assert main(["inspect", "--json", str(out / "a.png")]) == 0
    marks = json.loads(capsys.readouterr().out)["marks"]
    sums = [json.loads((folder / "bundle.json").read_text())["sha256"][:12] for folder in (redrawn, tmp_path / BACK)]
    assert (marks["AISystemUsed"], marks["AISystemVersionUsed"]) == (THERE, sums[0])
    assert main(["inspect", str(out / "a.png")]) == 0
    assert f"; made by {THERE} (layout face; crop none; {sums[0]}); no face" in capsys.readouterr().out
    assert main([*command, "--skip-existing", "--no-redraw"]) == 0
    assert colour(out / "a.png") == once
    capsys.readouterr()
    assert main([*command, "--skip-existing"]) == 1
    assert capsys.readouterr().err == (
        f"error: {out}/a.png is there, but made by {THERE}, not by {THERE}, redrawn by {BACK}:"
        " give --overwrite in place of --skip-existing, or choose another folder\n"
    )
    assert colour(out / "a.png") == once  # nothing that was made is lost
    assert main([*command, "--overwrite"]) == 0
    assert colour(out / "a.png") != once
    assert read_making(out / "a.png") == Making(f"{THERE}, redrawn by {BACK}", "+".join(sums), "layout face; crop none")
    assert main([*command, "--skip-existing"]) == 0
    assert main([*command, "--skip-existing", "--layout", "pair"]) == 1
    assert "but with layout face, not with layout pair: give" in capsys.readouterr().err
    assert main([*command, "--skip-existing", "--layout", "pair", "--no-redraw"]) == 1
    assert f"redrawn by {BACK}, not by {THERE} and with layout face, not with" in capsys.readouterr().err


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "avif"])
def test_results_of_python_say_by_what_they_were_made(redrawn: Path, tmp_path: Path, suffix: str) -> None:
    made = translate_picture(draw(tmp_path / "a.png"), bundle=str(redrawn), crop="none")
    path = made.save(tmp_path / f"result.{suffix}")
    making = read_making(path)
    assert making is not None
    assert (making.system, making.asked) == (f"{THERE}, redrawn by {BACK}", "layout face; crop none")
    assert made_otherwise(path, [making.system], making.asked) is None
    for asked, said in (("layout face", "with crop none"), (f"{making.asked}; who man, 60", "without who man, 60")):
        assert f"is there, but {said}: give" in (made_otherwise(path, [making.system], asked) or "")


def test_each_variant_says_which_it_is(tmp_path: Path) -> None:
    bundle = tiny.write_bundle(tmp_path / "b", tiny.styled_model(), conditions=("style",)).folder
    picture, out = draw(tmp_path / "a.png", 100), tmp_path / "out"
    command = ["translate", "--crop", "none", str(picture), "-o", str(out), "--bundle", str(bundle), "--variants", "2"]
    assert main(command) == 0
    one = translate_picture(picture, bundle=str(bundle), crop="none", variant=1).save(tmp_path / "one.png")
    usual, other = read_making(out / "a.png"), read_making(out / "a-variant-2.png")
    assert usual is not None
    assert other is not None
    assert (usual.asked, other.asked) == ("layout face; crop none", "layout face; crop none; variant 1")
    assert other == read_making(one)
    assert main([*command, "--skip-existing"]) == 0


def test_the_rest_of_a_set_that_another_method_made_is_not_replaced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture, out = draw(tmp_path / "a.png", 100), tmp_path / "out"
    command = ["translate", "--crop", "none", str(picture), "-o", str(out), "--variants", "2", "--skip-existing"]
    for name, code in (("one", 0), ("two", 1), ("one", 0)):
        tiny.write_bundle(tmp_path / name, tiny.styled_model(), method=name, conditions=("style",))
        assert main([*command, "--bundle", str(tmp_path / name)]) == code
        made = read_making(out / "a-variant-2.png")
        assert made is not None
        assert made.system == "one-anime-to-real"
        (out / "a.png").unlink(missing_ok=True)
    assert "a-variant-2.png is already there: give --overwrite in place of --skip-existing" in capsys.readouterr().err


def test_results_that_do_not_say_are_taken_for_done(redrawn: Path, tmp_path: Path) -> None:
    picture, out = draw(tmp_path / "a.png"), tmp_path / "out"
    draw(out / "a.png", 77)
    command = ["translate", "--crop", "none", str(picture), "-o", str(out), "--bundle", str(redrawn)]
    assert main([*command, "--skip-existing"]) == 0
    assert colour(out / "a.png") == 77
    (out / "a.png").write_bytes(b"no picture")
    assert main([*command, "--skip-existing"]) == 0


def test_what_was_asked_for_in_words() -> None:
    assert in_words() == "layout face" == Options().asked
    asked = in_words(layout="pair", crop="none", face=2, who=Who(1.0, 25))
    assert asked == "layout pair; crop none; face 2; who man, 25"
    assert of_clip(in_words(face=2)) == "layout paste; face 2"
    assert in_words(variant=3, who=Who(age=60)) == "layout face; variant 3; who 60"
    assert of_variant(in_words(who=Who(age=60)), 3) == in_words(variant=3, who=Who(age=60))
    assert of_variant(asked, 0) == asked
    assert Who(0.5).in_words() == "sex 0.5"


def test_a_network_and_its_bundle_tell_the_same(tmp_path: Path) -> None:
    tiny.write_bundle(tmp_path / "back", source="real", target="anime")  # a folder may have any name
    redrawn = tiny.write_bundle(tmp_path / "there", redrawn_by="back").folder
    for redraws in (True, False):
        network = Network(read(redrawn), redraws=redraws)
        assert Making(network.system, network.version, "") == making_of(network.bundle, "", redraws=redraws)
