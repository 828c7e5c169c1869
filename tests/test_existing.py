"""Under --skip-existing what is cut short is made again: pictures, clips, faces, variants, parts on a cluster."""

import json
from pathlib import Path

import clips
import pytest
import tiny
from PIL import Image
from translating import draw, no_clip, pickled

from anime2real.cli.main import main
from anime2real.image.endings import is_cut_short
from anime2real.image.files import Search
from anime2real.network import Networks
from anime2real.outcome import Options
from anime2real.translate_parts import translate_parts


def cut(path: Path, length: int) -> bytes:
    """A file cut to a length; what it held."""
    whole = path.read_bytes()
    path.write_bytes(whole[:length])
    return whole


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "avif"])
@pytest.mark.parametrize("length", [0, 300])
def test_a_picture(suffix: str, length: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = tiny.write_bundle(tmp_path / "b").folder
    pictures = [draw(tmp_path / "in" / f"{name}.png", 100) for name in "ab"]
    command = ["translate", "--crop", "none", *map(str, pictures), "-o", str(tmp_path / "out"), "--bundle", str(bundle)]
    command += ["--format", suffix]
    assert main(command) == 0
    result, other = tmp_path / "out" / f"a.{suffix}", tmp_path / "out" / f"b.{suffix}"
    whole, untouched = cut(result, length), other.stat().st_mtime_ns
    assert main(command) == 1
    assert f"{result} is already there: give --overwrite or --skip-existing" in capsys.readouterr().err
    assert main([*command, "--skip-existing"]) == 0
    assert result.read_bytes() == whole
    assert other.stat().st_mtime_ns == untouched
    assert f"note: {pictures[0]}: {result} was there, but cut short" in capsys.readouterr().err
    assert main([*command, "--skip-existing", "--json"]) == 0
    assert all(json.loads(line)["skipped"] for line in capsys.readouterr().out.splitlines())


@pytest.mark.parametrize("suffix", ["gif", "mp4"])
def test_a_clip(suffix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle, source = tiny.write_bundle(tmp_path / "b").folder, tmp_path / f"a.{suffix}"
    frames, _ = clips.moving(3)
    if suffix == "mp4":
        clips.encode(source, frames, sound=None)
    else:
        frames[0].save(source, save_all=True, append_images=frames[1:], duration=40)
    result = tmp_path / "out" / source.name
    command = ["translate", str(source), "-o", str(tmp_path / "out"), "--bundle", str(bundle), "--skip-existing"]
    assert main(command) == 0
    whole = cut(result, result.stat().st_size // 2)
    assert main(command) == 0
    assert result.read_bytes() == whole
    assert f"{result} was there, but cut short" in capsys.readouterr().err
    made = result.stat().st_mtime_ns
    assert main(command) == 0
    assert result.stat().st_mtime_ns == made


def test_variants_and_further_faces(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = tiny.write_bundle(tmp_path / "b", tiny.styled_model(), conditions=("style",)).folder
    drawing, _ = clips.face()
    two = Image.new("RGB", (600, 300), "white")
    two.paste(drawing, (20, 22))
    two.paste(drawing.resize((200, 200)), (360, 50))
    two.save(tmp_path / "two.png")
    out = tmp_path / "out"
    command = ["translate", str(tmp_path / "two.png"), "-o", str(out), "--bundle", str(bundle), "--variants", "2"]
    assert main([*command, "--skip-existing"]) == 0
    names = sorted(path.name for path in out.iterdir())
    assert names == ["two-face-2-variant-2.png", "two-face-2.png", "two-variant-2.png", "two.png"]
    for name in names:
        whole = cut(out / name, 200)
        assert main([*command, "--skip-existing"]) == 0
        assert (out / name).read_bytes() == whole
        assert f"{name} was there, but cut short" in capsys.readouterr().err
    # What others put among them is kept.
    cut(out / "two-face-2.png", 0)
    draw(out / "two-variant-2.png", 7)
    assert main([*command, "--skip-existing"]) == 1
    assert "two-variant-2.png is already there beside" in capsys.readouterr().err
    # What is not asked for is not looked at, and another picture's result is no face of this one.
    draw(tmp_path / "in" / "a.png")
    draw(tmp_path / "in" / "a-face-2.png")
    command = ["translate", str(tmp_path / "in"), "-o", str(out), "--bundle", str(bundle), "--crop", "none"]
    assert main(command) == 0
    cut(out / "a-face-2.png", 0)
    made = (out / "a.png").stat().st_mtime_ns
    assert main([*command, "--skip-existing"]) == 0
    assert (out / "a.png").stat().st_mtime_ns == made
    assert not is_cut_short(out / "a-face-2.png")


def test_on_a_cluster(tmp_path: Path) -> None:
    networks = Networks(None, tiny.write_bundle(tmp_path / "b"), threads=1)
    for name in "ab":
        draw(tmp_path / "in" / f"{name}.png", 100)
    out, options = tmp_path / "out", Options(to="real", crop="none", skip_existing=True)
    whole = b""
    for skipped in ([False, False], [False, True], [True, True]):
        search = Search([tmp_path / "in"], output=out)
        outcomes = list(translate_parts(pickled, networks, search, out, options, no_clip))
        assert [one.skipped for one in outcomes] == skipped
        assert not whole or (out / "a.png").read_bytes() == whole
        whole = cut(out / "a.png", 0) if skipped == [False, False] else whole
