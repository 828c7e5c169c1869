"""By what results are made, as their marks tell it; what is there and was made otherwise is not taken for done."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from anime2real.bundle.format import Bundle
from anime2real.bundle.redrawer import redrawer, system_of, version_of
from anime2real.face.who import AS_SEEN, Who
from anime2real.image.decode import PictureError, printable
from anime2real.image.files import clip_kind
from anime2real.image.provenance import Making, film_marks, read_marks

USUAL: Final = "layout face"
"""What is asked for where nobody says anything."""


def making_of(bundle: Bundle, asked: str, *, redraws: bool = True) -> Making:
    """By what a bundle's results are made.

    Raises:
        BundleError: what redraws it is not there, damaged, or does not lead back.
    """
    back = redrawer(bundle) if redraws else None
    return Making(system_of(bundle, redraws=redraws), version_of(bundle, back), asked)


def in_words(
    *, layout: str = "face", crop: str = "face", face: str | int = "all", variant: int = 0, who: Who = AS_SEEN
) -> str:
    """What was asked for beside the picture: the layout, and whatever else is not the usual."""
    said = {
        f"layout {layout}": True, f"crop {crop}": crop != "face", f"face {face}": face != "all",
        f"variant {variant}": variant != 0, f"who {who.in_words()}": who != AS_SEEN,
    }  # fmt: skip
    return "; ".join(words for words, told in said.items() if told)


def of_variant(asked: str, variant: int) -> str:
    """What is asked for of one of a picture's variants, where that is asked for of all: as `in_words` tells it."""
    usual = asked.split("; ")
    before_who = next((place for place, words in enumerate(usual) if words.startswith("who ")), len(usual))
    return "; ".join([*usual[:before_who], f"variant {variant}", *usual[before_who:]]) if variant else asked


def of_clip(asked: str) -> str:
    """What is asked for of a clip, where that is asked for of pictures: all its faces are pasted back."""
    return "; ".join(["layout paste", *asked.split("; ")[1:]])


def made_otherwise(result: Path, systems: Sequence[str], asked: str) -> str | None:
    """How a result was made by another system than those, or as was not asked for; None if it was not, or is silent."""
    made = read_making(result)
    if made is None or (made.system in systems and made.asked == asked):
        return None
    said = []
    if made.system not in systems:
        way = made.system.split(",")[0].rpartition("-to-")[2]
        same_way = [system for system in systems if system.split(",")[0].endswith(f"-to-{way}")]
        said.append(f"made by {made.system}, not by {' or '.join(same_way or systems)}")
    if made.asked != asked:
        said.append(_apart(made.asked.split("; "), asked.split("; ")))
    advice = "give --overwrite in place of --skip-existing, or choose another folder"
    return printable(f"{result} is there, but {' and '.join(said)}: {advice}")


def _apart(there: Sequence[str], asked: Sequence[str]) -> str:
    """In words, what was asked for of the result that is there and is not now, or is asked for alone."""
    more = "; ".join(part for part in there if part not in asked)
    less = "; ".join(part for part in asked if part not in there)
    return f"with {more}, not with {less}" if more and less else f"with {more}" if more else f"without {less}"


def read_making(path: Path) -> Making | None:
    """By what a result was made; None if it does not say so, or cannot be read."""
    try:
        marks = film_marks(path) if clip_kind(path) == "film" else read_marks(path)
    except PictureError:
        return None
    if "AISystemUsed" not in marks:
        return None
    return Making(marks["AISystemUsed"], marks.get("AISystemVersionUsed", ""), marks.get("AIPromptInformation", ""))
