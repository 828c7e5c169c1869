"""What ships: a bundle gets its name, its own figures and its card."""

import json
from pathlib import Path

import pytest
import ship
from tiny import model, write_bundle

from anime2real.bundle.redrawer import redrawer
from anime2real.bundle.registry import shipped


def test_what_ships_has_its_name_and_its_own_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = write_bundle(tmp_path / "bundle")
    measured = {
        "protocol": {"pack": "eval", "turn_degrees": 30.0},
        "results": [
            {
                "sha256": bundle.sha256,
                "images": 9,
                "face_rate": 0.123456,
                "fid": {"VGG": 1.23456},
                "hair_delta_e": None,
            },
            {"sha256": "0" * 64, "images": 1, "face_rate": 0.5},
        ],
    }
    (tmp_path / "measured.json").write_text(json.dumps(measured))
    arguments = [str(bundle.folder), "--name", "other", "--measured", str(tmp_path / "measured.json")]
    monkeypatch.setattr("sys.argv", ["ship.py", *arguments, "--into", str(tmp_path / "ships")])
    ship.main()
    moved = ship.load(tmp_path / "ships" / f"other-{bundle.source}-to-{bundle.target}")
    figures = {"images": 9, "fid": {"VGG": 1.2346}, "face_rate": 0.1235}
    assert moved.figures == bundle.figures | {"on eval turned by 30 degrees": figures}
    assert (moved.method, moved.model()) == ("other", bundle.model())
    assert "turned by 30 degrees" in (moved.folder / "README.md").read_text()


def test_what_redraws_it_comes_along_from_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    back = write_bundle(tmp_path / "back", model(scale=0.5), source="real", target="anime")
    bundle = write_bundle(tmp_path / "bundle", redrawn_by="back")
    command = ["ship.py", str(bundle.folder), "--into", str(tmp_path / "ships")]
    monkeypatch.setattr("sys.argv", command)
    ship.main()  # beside it, it ships on its own
    shipped_as = tmp_path / "ships" / bundle.name
    assert not (shipped_as / "back").exists()
    back.folder.rename(bundle.folder / "back")
    ship.main()
    kept = redrawer(ship.load(shipped_as))
    assert kept is not None
    assert (kept.folder, kept.sha256) == (shipped_as / "back", back.sha256)
    (bundle.folder / "back" / "model.onnx").write_bytes(b"")
    with pytest.raises(SystemExit, match="damaged"):
        ship.main()


def test_a_bundle_goes_where_those_of_its_method_are() -> None:
    for bundle in shipped():
        assert ship.home_of(bundle.method) == bundle.folder.parent
