"""Bundles are found by method, by direction, by folder; what is unknown is said with the nearest that is there."""

from pathlib import Path

import pytest
import tiny

from anime2real.bundle.format import CORE, BundleError, core_bundle
from anime2real.bundle.registry import (
    PREFERRED,
    UnknownMethodError,
    best_method,
    default_method,
    find,
    find_bundles,
    open_bundle,
    shipped,
)
from anime2real.bundle.save import load
from anime2real.domain import DOMAINS


def test_shipped_and_find(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny.ship_only(monkeypatch, tmp_path)
    with pytest.raises(UnknownMethodError, match="nor any other"):
        find("galatea", "real")
    tiny.write_bundle(tmp_path / "cyclegan-anime-to-real")
    tiny.write_bundle(tmp_path / "cyclegan-real-to-anime", source="real", target="anime")
    tiny.write_bundle(tmp_path / "difference-anime-to-real", method="difference")
    assert [b.name for b in shipped()] == [
        "cyclegan-anime-to-real", "cyclegan-real-to-anime", "difference-anime-to-real",
    ]  # fmt: skip
    assert find("cyclegan", "anime").name == "cyclegan-real-to-anime"
    with pytest.raises(UnknownMethodError, match=r"'diference' ships.*did you mean 'difference'.*cyclegan, difference"):
        find("diference", "real")
    with pytest.raises(UnknownMethodError, match="to anime ships: there is one to real"):
        find("difference", "anime")


def test_what_really_ships_is_whole() -> None:
    for bundle in shipped():
        assert load(bundle.folder).name == bundle.folder.name
        assert (bundle.folder / "README.md").read_text().strip()
        assert bundle.licence
        assert bundle.rights


def test_the_package_s_own_bundles_are_found_without_a_search() -> None:
    own = [bundle for bundle in shipped() if bundle.folder.parent == CORE]
    assert [core_bundle(bundle.method, bundle.target) for bundle in own] == own
    assert [found.method for to in DOMAINS if (found := core_bundle(None, to))] == [PREFERRED[0]] * len(DOMAINS)
    for method in ("cyclegan", "../bundles/galatea", "gal*"):
        assert core_bundle(method, "real") is None


def test_names_of_bundles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny.ship_only(monkeypatch, tmp_path / "shipped")
    tiny.write_bundle(tmp_path / "shipped" / "cyclegan-anime-to-real")
    tiny.write_bundle(tmp_path / "shipped" / "cyclegan-real-to-anime", source="real", target="anime")
    (tmp_path / "nothing").mkdir()
    run = tmp_path / "bundles"
    for name in ("one", "two"):
        tiny.write_bundle(run / name)
    assert [b.name for b in find_bundles("cyclegan")] == ["cyclegan-anime-to-real", "cyclegan-real-to-anime"]
    assert [b.name for b in find_bundles("cyclegan-real-to-anime")] == ["cyclegan-real-to-anime"]
    assert [b.folder for b in find_bundles(str(run))] == [run / "one", run / "two"]
    assert [b.folder for b in find_bundles(str(run / "two"))] == [run / "two"]
    with pytest.raises(BundleError, match="did you mean 'cyclegan'"):
        find_bundles("cyclegam")
    with pytest.raises(BundleError, match="nor does it hold any"):
        find_bundles(str(tmp_path / "nothing"))


def test_the_best_method_is_a_preferred_one_else_the_first_by_name() -> None:
    assert best_method(["ugatit", "aaa", "cyclegan"]) == "cyclegan"
    assert best_method({"zzz", "aaa"}) == "aaa"
    assert best_method([]) is None


def test_what_takes_label_maps_is_no_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny.ship_only(monkeypatch, tmp_path)
    maps = tiny.write_bundle(
        tmp_path / "galatea-styles-anime-to-real", method="galatea-styles", classes=("sky", "skin")
    )
    with pytest.raises(UnknownMethodError, match="no bundle to real comes with this installation"):
        default_method("real")
    tiny.write_bundle(tmp_path / "difference-anime-to-real", method="difference")
    assert default_method("real") == "difference"
    assert find("galatea-styles", "real").sha256 == maps.sha256


def test_a_name_that_no_folder_can_have_is_of_no_bundle() -> None:
    for name in ("x" * 5000, "a\0b"):
        with pytest.raises(BundleError, match="is not there: a bundle is a folder"):
            open_bundle(name)


def test_a_run_is_no_bundle_but_holds_some(tmp_path: Path) -> None:
    for name in ("cyclegan-anime-to-real", "cyclegan-real-to-anime"):
        tiny.write_bundle(tmp_path / "run" / "bundles" / name)
    for folder in (tmp_path / "run", tmp_path / "run" / "bundles"):
        with pytest.raises(
            BundleError, match=r"run(/bundles)? is not a bundle, but holds .*anime-to-real and .*give one"
        ):
            open_bundle(folder)
