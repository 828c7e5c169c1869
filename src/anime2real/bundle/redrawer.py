"""The bundle that redraws another's results: drawn again by the way back, they are translated once more.

A drawing by hand may be far from all that a translator has seen. What it becomes is a person all the same, and the
drawing of this person by the way back is like those that the translator knows best: of it, fewer broken faces come.
"""

from pathlib import Path
from typing import Final

from anime2real.bundle.format import Bundle, BundleError, read

DIGITS: Final = 12
"""Of a SHA-256, as `methods` prints it."""


def redrawer(bundle: Bundle) -> Bundle | None:
    """The bundle that redraws the results of another, which lies in its folder or else beside it.

    Returns:
        None if it names none in `redrawn_by`.

    Raises:
        BundleError: it is not there, damaged, or does not lead back.
    """
    if not (name := bundle.redrawn_by):
        return None
    folder = next((place for place in (bundle.folder / name, bundle.folder.parent / name) if place.is_dir()), None)
    if folder is None:
        raise BundleError(
            f"{bundle.folder} is redrawn by {name}, which is neither in it nor beside it: put that bundle there, too"
        )
    return back_in(folder, bundle)


def back_in(folder: Path, bundle: Bundle) -> Bundle:
    """The bundle in a folder, which leads back from another.

    Raises:
        BundleError: it is not there, damaged, or does not lead back.
    """
    back = read(folder, follow_links=bundle.follows_links, installed=bundle.installed)
    if (back.source, back.target, back.px) != (bundle.target, bundle.source, bundle.px):
        raise BundleError(f"{folder} does not lead back from {bundle.name}, which is redrawn by it: get both again")
    if bundle.classes or back.classes:
        takes = (bundle if bundle.classes else back).folder
        raise BundleError(f"{takes} takes label maps, which no bundle draws: {bundle.name} cannot be redrawn")
    return back


def networks_sum(bundle: Bundle) -> str:
    """What tells its results from those of others: the SHA-256 of its model, + and that of what redraws it, if any.

    Raises:
        BundleError: as `redrawer`.
    """
    back = redrawer(bundle)
    return bundle.sha256 if back is None else f"{bundle.sha256}+{back.sha256}"


def system_of(bundle: Bundle, *, redraws: bool = True) -> str:
    """What makes its results, in words: the bundle, and what redraws them, if anything does."""
    return f"{bundle.name}, redrawn by {bundle.redrawn_by}" if redraws and bundle.redrawn_by else bundle.name


def version_of(bundle: Bundle, back: Bundle | None) -> str:
    """How the SHA-256 of its model begins, + and that of what redraws it, if anything does."""
    return "+".join(one.sha256[:DIGITS] for one in (bundle, back) if one)
