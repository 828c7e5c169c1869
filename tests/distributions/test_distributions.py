"""What `python -m build` makes here and in each folder of bundles/: contents, sizes, licences, the same bytes."""

import email
import re
import tarfile
import zipfile
from email.message import Message
from pathlib import Path

import pytest
from environments import FOLDERS, ROOT, build, wheel

from anime2real import __version__

BUNDLES = {
    "anime2real": {
        "difference-anime-to-real", "difference-real-to-anime", "galatea-anime-to-real", "galatea-real-to-anime",
    },
    "anime2real_bundles_paper": {
        "autoencoder-anime-to-real", "autoencoder-real-to-anime", "cyclegan-anime-to-real", "cyclegan-real-to-anime",
    },
    "anime2real_bundles_tilt": {"cyclegan-tilt-anime-to-real", "cyclegan-tilt-real-to-anime"},
    "anime2real_bundles_more": {
        "galatea-styles-anime-to-real", "pix2pixhd-anime-to-real", "ugatit-anime-to-real", "ugatit-real-to-anime",
    },
}  # fmt: skip
MEGABYTES = {"anime2real": 40}
"""At most; the others 95, since an index takes files of up to 100."""
MODULES = sorted(BUNDLES)


def names(path: Path) -> list[str]:
    """The files in a wheel or a source distribution."""
    if path.suffix == ".whl":
        return zipfile.ZipFile(path).namelist()
    with tarfile.open(path) as archive:
        return archive.getnames()


def source(built: Path, module: str) -> Path:
    (found,) = built.glob(f"{module}-*.tar.gz")
    return found


def metadata(path: Path) -> Message:
    archive = zipfile.ZipFile(path)
    (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
    return email.message_from_bytes(archive.read(name))


def test_a_source_distribution_and_a_wheel_of_each(built: Path) -> None:
    assert len(list(built.iterdir())) == 2 * len(FOLDERS) == 2 * len(MODULES)


@pytest.mark.parametrize("module", MODULES)
def test_each_holds_its_bundles_and_no_other(built: Path, module: str) -> None:
    for path in (wheel(built, module), source(built, module)):
        found = [name.split("/") for name in names(path)]
        folders = {parts[-2] for parts in found if parts[-1] == "bundle.json"}
        assert folders == BUNDLES[module]
        for folder in folders:
            files = {parts[-1] for parts in found if parts[-2] == folder}
            assert files == {"model.onnx", "bundle.json", "README.md"}


@pytest.mark.parametrize("module", MODULES)
def test_none_is_too_large_for_an_index(built: Path, module: str) -> None:
    for path in (wheel(built, module), source(built, module)):
        assert path.stat().st_size < MEGABYTES.get(module, 95) * 1e6


def test_the_wheel_of_the_core_is_the_package_and_nothing_else(built: Path) -> None:
    found = names(wheel(built, "anime2real"))
    assert {name.split("/")[0] for name in found} == {"anime2real", f"anime2real-{__version__}.dist-info"}
    package = {name for name in found if name.startswith("anime2real/")}
    here = {path.relative_to(ROOT / "src").as_posix() for path in (ROOT / "src").rglob("*") if path.is_file()}
    assert package == {name for name in here if "__pycache__" not in name}
    assert {"anime2real/py.typed", "anime2real/face/models/detector.onnx", "anime2real/face/models/landmarks.onnx"} <= (
        package
    )


def test_the_source_distribution_is_anchored(built: Path) -> None:
    found = [name.split("/")[1:] for name in names(source(built, "anime2real"))]
    assert {parts[0] for parts in found} >= {
        "src",
        "tests",
        "docs",
        "examples",
        "LICENSES",
        "README.md",
        "hatch_build.py",
    }
    assert "bundles" not in {parts[0] for parts in found}
    assert ["pyproject.toml"] in found


@pytest.mark.parametrize("module", MODULES)
def test_licences_are_told_apart(built: Path, module: str) -> None:
    weights = "LicenseRef-anime2real-weights"
    told = metadata(wheel(built, module))
    files = told.get_all("License-File", [])
    assert told["License-Expression"] == (
        f"Apache-2.0 AND {weights} AND CC-BY-4.0" if module == "anime2real" else weights
    )
    assert f"LICENSES/{weights}.txt" in files
    assert ("LICENSE" in files) == (module == "anime2real")
    archive = zipfile.ZipFile(wheel(built, module))
    (text,) = [archive.read(name) for name in archive.namelist() if name.endswith(f"{weights}.txt")]
    assert text == (ROOT / "LICENSES" / f"{weights}.txt").read_bytes()


@pytest.mark.parametrize("module", [module for module in MODULES if module != "anime2real"])
def test_the_entry_point_names_the_module_whose_folder_holds_them(built: Path, module: str) -> None:
    archive = zipfile.ZipFile(wheel(built, module))
    (name,) = [name for name in archive.namelist() if name.endswith("entry_points.txt")]
    text = archive.read(name).decode()
    assert re.fullmatch(rf"\[anime2real\.bundles\]\n\w+ = {module}\n", text)
    assert all(name.split("/")[0] in (module, f"{module}-0.1.0.dist-info") for name in archive.namelist())


def test_the_extra_methods_names_all_of_them(built: Path) -> None:
    asked = [r for r in metadata(wheel(built, "anime2real")).get_all("Requires-Dist", []) if "'methods'" in r]
    assert {re.split(r"[<>;]", requirement)[0].replace("-", "_") for requirement in asked} == {*MODULES} - {
        "anime2real"
    }


@pytest.mark.slow
@pytest.mark.parametrize("module", MODULES)
def test_the_same_bytes_from_the_source_distribution_elsewhere(built: Path, module: str, tmp_path: Path) -> None:
    with tarfile.open(source(built, module)) as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    (folder,) = (tmp_path / "unpacked").iterdir()
    build(folder, tmp_path / "again")
    for path in (wheel(built, module), source(built, module)):
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes()
