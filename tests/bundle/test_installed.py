"""Bundles of other distributions: found by entry points and in a clone, never imported, and told apart."""

import sys
from pathlib import Path

import pytest
import tiny

from anime2real.bundle import format, registry
from anime2real.bundle.format import CORE, BundleError
from anime2real.bundle.registry import (
    ELSEWHERE,
    UnknownMethodError,
    bundle_folders,
    clone_folders,
    find,
    find_bundles,
    shipped,
)
from anime2real.bundle.save import load
from anime2real.cli.main import main

ROOT = Path(__file__).parent.parent.parent
ALL = {
    "autoencoder-anime-to-real", "autoencoder-real-to-anime", "cyclegan-anime-to-real", "cyclegan-real-to-anime",
    "cyclegan-tilt-anime-to-real", "cyclegan-tilt-real-to-anime", "difference-anime-to-real",
    "difference-real-to-anime", "galatea-anime-to-real", "galatea-real-to-anime", "galatea-styles-anime-to-real",
    "pix2pixhd-anime-to-real", "ugatit-anime-to-real", "ugatit-real-to-anime",
}  # fmt: skip
"""Every bundle in this clone, by name: a test over `shipped()` would pass without those that are not found."""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that packages are installed in; the package itself lies there, too, without bundles."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.setattr(registry, "PACKAGE", folder / "anime2real")
    for module in (registry, format):
        monkeypatch.setattr(module, "CORE", folder / "anime2real" / "bundles")
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    return folder


def install(site: Path, name: str, *, value: str = "", module: bool = True) -> Path:
    """A distribution with an entry point; importing its module fails. The folder for its bundles."""
    module_name = name.replace("-", "_")
    information = site / f"{module_name}-1.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
    (information / "entry_points.txt").write_text(f"[anime2real.bundles]\nx = {value or module_name}\n")
    if module:
        (site / module_name).mkdir()
        (site / module_name / "__init__.py").write_text("raise RuntimeError('imported')\n")
    return site / module_name


def test_every_bundle_of_this_clone_is_found() -> None:
    assert {bundle.name for bundle in shipped()} == ALL
    for bundle in shipped():
        assert load(bundle.folder).name == bundle.folder.name
    folders = set(clone_folders(registry.PACKAGE).values())
    assert {folder.parents[1].name for folder in folders} == {
        project.parent.name for project in ROOT.glob("bundles/*/pyproject.toml")
    }


def test_each_method_is_said_to_be_where_it_is() -> None:
    assert set(ELSEWHERE.values()) == {project.parent.name for project in ROOT.glob("bundles/*/pyproject.toml")}
    assert {bundle.method for bundle in shipped()} == {"galatea", "difference", *ELSEWHERE}
    for bundle in shipped():
        home = ROOT / "bundles" / ELSEWHERE[bundle.method] if bundle.method in ELSEWHERE else CORE
        assert bundle.folder.is_relative_to(home)


def test_a_distribution_s_bundles_are_found_and_nothing_is_imported(site: Path) -> None:
    folder = install(site, "weights-of-others")
    tiny.write_bundle(folder / "mine-anime-to-real", method="mine")
    assert bundle_folders() == {"anime2real": site / "anime2real" / "bundles", "weights_of_others": folder}
    assert find("mine", "real").folder == folder / "mine-anime-to-real"
    assert "weights_of_others" not in sys.modules


def test_one_name_in_two_distributions_is_one_clear_error(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("first", "second"):
        tiny.write_bundle(install(site, name) / "mine-anime-to-real", method="mine")
    assert main(["methods"]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "error: mine-anime-to-real is installed twice, in " in said
    assert "uninstall one" in said


@pytest.mark.parametrize("value", ["", "weights.inner"])
def test_what_names_no_module_at_the_top_is_refused(site: Path, value: str) -> None:
    install(site, "weights", value=value, module=bool(value))
    with pytest.raises(BundleError, match=r"^weights offers bundles in weights(\.inner)?, which is not there: install"):
        shipped()
    assert "weights" not in sys.modules


def test_a_clone_s_folder_stands_for_the_distribution_made_of_it(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(site, "anime2real-bundles-paper")
    monkeypatch.setattr(registry, "PACKAGE", ROOT / "src" / "anime2real")
    assert bundle_folders()["anime2real_bundles_paper"].is_relative_to(ROOT)


def test_a_folder_src_of_somebody_else_is_no_clone(tmp_path: Path) -> None:
    module = tmp_path / "bundles" / "paper" / "src" / "some_module"
    module.mkdir(parents=True)
    (module / "__init__.py").touch()
    package = tmp_path / "src" / "anime2real"
    assert clone_folders(package) == {}
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "another"\n')
    assert clone_folders(package) == {}
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "anime2real"\n')
    assert clone_folders(package) == {"some_module": module}
    assert clone_folders(tmp_path / "site-packages" / "anime2real") == {}


@pytest.mark.parametrize(("method", "folder"), sorted(ELSEWHERE.items()))
def test_a_method_that_is_not_installed_says_how_to_get_it(site: Path, method: str, folder: str) -> None:
    command = f'pip install "anime2real[methods]" (in a clone: pip install ./bundles/{folder})'
    for attempt in (
        lambda: find(method, "real"),
        lambda: find_bundles(method),
        lambda: find_bundles(f"{method}-real-to-anime"),
    ):
        with pytest.raises(UnknownMethodError) as refused:
            attempt()
        assert str(refused.value) == f"no bundle of {method!r} is installed: {command}"
