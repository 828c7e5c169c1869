"""A method that goes one way is taken that way, whatever --to is not said."""

from pathlib import Path

import pytest
import tiny
from PIL import Image
from translating import colour, draw

from anime2real import translate_picture
from anime2real.cli.main import main
from anime2real.image.decode import PictureError


def test_the_only_direction_of_a_method_is_taken(
    shipped: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["translate", "--crop", "none", str(draw(tmp_path / "a.png", 100)), "-o", str(tmp_path / "o"), "--method"]
    assert main([*command, "difference"]) == 0
    assert colour(tmp_path / "o" / "a.png") > 100
    assert main([*command, "cyclegan", "--overwrite"]) == 1  # it goes both ways, and no face tells which is meant
    assert "no telling whether it is a drawing or a photograph: give --to" in capsys.readouterr().err
    assert main([*command, "difference", "--overwrite", "--to", "anime"]) == 2
    assert capsys.readouterr().err == "error: no 'difference' bundle to anime ships: there is one to real\n"
    assert main([*command, "differenc", "--overwrite"]) == 2
    assert "no method 'differenc' ships (did you mean 'difference'?)" in capsys.readouterr().err


def test_a_method_that_takes_label_maps_needs_no_direction(
    shipped: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny.write_bundle(shipped / "maps-anime-to-real", tiny.model(), method="maps", classes=("sky", "skin"))
    path = tmp_path / "map.png"
    Image.new("L", (tiny.PX, tiny.PX), 1).save(path)
    assert main(["translate", str(path), "-o", str(tmp_path / "o"), "--method", "maps"]) == 0
    assert (tmp_path / "o" / "map.png").is_file()
    made = translate_picture(path, method="maps")
    assert (made.to, made.image.size, made.faces) == ("real", (tiny.PX, tiny.PX), ())
    photograph = draw(tmp_path / "photograph.png", 200)
    assert main(["translate", str(photograph), "-o", str(tmp_path / "o"), "--method", "maps"]) == 1
    assert f"error: {photograph} is no label map of 2 classes" in capsys.readouterr().err
    with pytest.raises(PictureError, match=r"photograph\.png is no label map"):
        translate_picture(photograph, method="maps")
