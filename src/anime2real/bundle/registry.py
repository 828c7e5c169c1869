"""Which bundles there are: those that are installed, by name, folders of others, and those on the Hub.

A distribution offers bundles by an entry point of the group `anime2real.bundles` whose value is a module at the top:
the folder of that module holds them. The module is located and never imported. In a clone the folders under `bundles/`
are found without being installed, and stand for the distributions that would be made of them.
"""

import os
from collections.abc import Collection
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from anime2real.bundle.format import (
    BEST,
    CORE,
    MANIFEST,
    Bundle,
    BundleError,
    MissingBundleError,
    core_bundle,
    read,
)
from anime2real.bundle.hub import fetch, is_hub_name
from anime2real.domain import DOMAINS, Domain, other
from anime2real.errors import nearest, path_of

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

PACKAGE: Final = Path(__file__).parent.parent
GROUP: Final = "anime2real.bundles"

ELSEWHERE: Final = {
    "autoencoder": "paper",
    "cyclegan": "paper",
    "cyclegan-tilt": "tilt",
    "galatea-styles": "more",
    "pix2pixhd": "more",
    "ugatit": "more",
}
"""Methods whose bundles the package does not bring itself: the folder, under a clone's bundles/, of what does."""

PREFERRED: Final = (
    BEST, "galatea-styles", "cyclegan", "ugatit", "cyclegan-tilt", "autoencoder", "difference", "pix2pixhd",
)  # fmt: skip
"""Methods, the best first: what `best_method` chooses from."""


class UnknownMethodError(MissingBundleError):
    """No bundle of that method, or none that goes that way, is installed."""

    names_help = False


def bundle_folders() -> dict[str, Path]:
    """The folders that hold folders of bundles, by the name of the package or module whose folder it is.

    Raises:
        BundleError: a distribution names a module that is not there, or none at the top.
    """
    from importlib.metadata import entry_points  # not above: it takes as long to import as a session to load

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


def shipped() -> list[Bundle]:
    """The bundles of the package and of installed distributions, by name; their models are checked when they are used.

    Raises:
        BundleError: one of them is damaged, or two have one name.
    """
    found: dict[str, Bundle] = {}
    for folder in bundle_folders().values():
        for bundle in _inside(folder):
            if (twin := found.setdefault(bundle.name, bundle)) is not bundle:
                both = f"in {twin.folder} and in {bundle.folder}"
                raise BundleError(f"{bundle.name} is installed twice, {both}: uninstall one of them")
    return [found[name] for name in sorted(found)]


def _inside(folder: Path) -> list[Bundle]:
    return [read(manifest.parent, installed=True) for manifest in folder.glob(f"*/{MANIFEST}")]


def best_method(methods: Collection[str]) -> str | None:
    """The best of some methods: those of `PREFERRED` in their order, then the others by name; None if there are none.

    A translator and the server both choose by this order.
    """
    return next((method for method in (*PREFERRED, *sorted(methods)) if method in methods), None)


def default_method(to: Domain, *, with_variants: bool = False) -> str:
    """The best method of which a bundle to the domain `to` is installed.

    Args:
        to: the domain.
        with_variants: only of those whose bundle makes several results of one picture.

    Raises:
        UnknownMethodError: none does.
        BundleError: one of the installed bundles is damaged.
    """
    return _best_of(shipped(), to, with_variants)


def _best_of(bundles: list[Bundle], to: Domain, with_variants: bool) -> str:
    # Label maps are given by those who name what takes them.
    able = {b.method for b in bundles if b.target == to and not b.classes and (b.variants > 1 or not with_variants)}
    if method := best_method(able):
        return method
    if with_variants:
        advice = f": galatea-styles does, {install_command('galatea-styles')}" if to == "real" else ""
        raise UnknownMethodError(f"no bundle to {to} that is installed makes several results of a picture{advice}")
    raise UnknownMethodError(f"no bundle to {to} comes with this installation: give the folder of one")


def find(method: str | None, to: Domain, *, with_variants: bool = False) -> Bundle:
    """The installed bundle of a method (the best one if None) and a direction; its model is checked when it is used.

    Args:
        method: its name.
        to: the domain.
        with_variants: whether the best one has to make several results of one picture.

    Raises:
        UnknownMethodError: there is none; the message names the nearest method, or the direction that there is.
        BundleError: one of the installed bundles is damaged.
    """
    if (method or not with_variants) and (own := core_bundle(method, to)):
        return own
    bundles = shipped()
    method = method or _best_of(bundles, to, with_variants)
    for bundle in bundles:
        if (bundle.method, bundle.target) == (method, to):
            return bundle
    methods = sorted({b.method for b in bundles})
    if method in methods:
        raise UnknownMethodError(f"no {method!r} bundle to {to} ships: there is one to {other(to)}")
    if method in ELSEWHERE:
        raise UnknownMethodError(f"no bundle of {method!r} is installed: {install_command(method)}")
    if not methods:
        raise UnknownMethodError(f"no method {method!r} ships, nor any other: give the folder of a bundle")
    raise UnknownMethodError(f"no method {method!r} ships{nearest(method, methods)}: there are {', '.join(methods)}")


def only_target(method: str) -> Domain | None:
    """The domain that an installed method translates to, if it is one; None if it goes both ways, or is not known.

    Raises:
        BundleError: one of the installed bundles is damaged.
    """
    if all(core_bundle(method, to) for to in DOMAINS):  # without a look at the others
        return None
    targets = [bundle.target for bundle in shipped() if bundle.method == method]
    return targets[0] if len(targets) == 1 else None


def open_bundle(name: Path | str) -> Bundle:
    """The bundle in a folder, or on the Hub by its name there (hf://OWNER/NAME[@REVISION][/FOLDER]), then fetched.

    Its model is checked when it is used.

    Raises:
        BundleError: it is missing, damaged, foreign, or of a format that this version does not read; or the Hub does
            not give it.
    """
    if is_hub_name(name):
        # The Hub's cache consists of links, which its own library made.
        return read(fetch(str(name)), follow_links=True)
    folder = name if isinstance(name, Path) else path_of(name, "a bundle", BundleError)
    if os.path.isdir(folder) and not (folder / MANIFEST).exists() and (inside := _folders_in(folder)):
        raise BundleError(f"{name} is not a bundle, but holds {' and '.join(map(str, inside[:2]))}: give one of those")
    return read(folder)


def _folders_in(folder: Path) -> list[Path]:
    """The folders of bundles in a folder, or in the folder of a run."""
    return sorted(path.parent for pattern in ("*/", "bundles/*/") for path in folder.glob(f"{pattern}{MANIFEST}"))


def find_bundles(name: str) -> list[Bundle]:
    """The bundles that a name stands for: those that ship first, then folders.

    Args:
        name: a method that ships, in all its directions; a bundle that ships, as METHOD-SOURCE-to-TARGET; the
            folder of a bundle, or a folder of such folders; a bundle's name on the Hub, hf://OWNER/NAME.

    Raises:
        BundleError: it stands for none, or for a damaged one.
    """
    known = shipped()
    if matches := [bundle for bundle in known if name in (bundle.method, bundle.name)]:
        return matches
    folder = Path(name)
    if not is_hub_name(name) and folder.is_dir() and not (folder / MANIFEST).exists():
        if not (inside := sorted(path.parent for path in folder.glob(f"*/{MANIFEST}"))):
            raise BundleError(f"{folder} is not a bundle, nor does it hold any: there is no {MANIFEST}")
        return [read(path) for path in inside]
    if is_hub_name(name) or folder.exists():
        return [open_bundle(name)]
    method = name.removesuffix("-anime-to-real").removesuffix("-real-to-anime")
    if method in ELSEWHERE:
        raise UnknownMethodError(f"no bundle of {method!r} is installed: {install_command(method)}")
    names = sorted({n for bundle in known for n in (bundle.method, bundle.name)})
    raise MissingBundleError(f"{name} is neither a folder nor a bundle that ships{nearest(name, names)}")


def _module_folder(point: "EntryPoint") -> Path:
    distribution = point.dist.name if point.dist else "a distribution"
    # Of a dotted name, find_spec would import the parent.
    spec = find_spec(point.value) if point.value.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        raise BundleError(f"{distribution} offers bundles in {point.value}, which is not there: install it again")
    return Path(next(iter(spec.submodule_search_locations)))
