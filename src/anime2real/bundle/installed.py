"""Folders whose folders are bundles: the package's own, those of installed distributions, and a clone's.

A distribution offers its bundles by an entry point of the group `anime2real.bundles` whose value is a module at the
top: the folder of that module holds them. The module is located and never imported. In a clone the folders under
`bundles/` are found without being installed, and stand for the distributions that would be made of them.
"""

from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from anime2real.bundle.format import BundleError

PACKAGE: Final = Path(__file__).parent.parent
CORE: Final = PACKAGE / "bundles"
GROUP: Final = "anime2real.bundles"

ELSEWHERE: Final = {
    "autoencoder": "paper",
    "cyclegan": "paper",
    "cyclegan-tilt": "tilt",
    "galatea-styles": "more",
    "ugatit": "more",
}
"""Methods whose bundles the package does not bring itself: the folder, under a clone's bundles/, of what does."""


def bundle_folders() -> dict[str, Path]:
    """The folders that hold folders of bundles, by the name of the package or module whose folder it is.

    Raises:
        BundleError: a distribution names a module that is not there, or none at the top.
    """
    folders = {"anime2real": CORE} | clone_folders(PACKAGE)
    for point in entry_points(group=GROUP):
        if point.value not in folders:
            folders[point.value] = _module_folder(point)
    return folders


def clone_folders(package: Path) -> dict[str, Path]:
    """The folders of bundles under bundles/, by module, if a package lies in src/ of a clone; else none."""
    root = package.parent.parent
    project = root / "pyproject.toml"
    if package.parent.name != "src" or not project.is_file():
        return {}
    if 'name = "anime2real"' not in project.read_text(encoding="utf-8").splitlines():
        return {}
    return {module.parent.name: module.parent for module in sorted(root.glob("bundles/*/src/*/__init__.py"))}


def install_command(method: str) -> str:
    """How to get the bundles of a method in `ELSEWHERE`."""
    return f'pip install "anime2real[methods]" (in a clone: pip install ./bundles/{ELSEWHERE[method]})'


def _module_folder(point: EntryPoint) -> Path:
    distribution = point.dist.name if point.dist else "a distribution"
    # Of a dotted name, find_spec would import the parent.
    spec = find_spec(point.value) if point.value.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        raise BundleError(f"{distribution} offers bundles in {point.value}, which is not there: install it again")
    return Path(next(iter(spec.submodule_search_locations)))
