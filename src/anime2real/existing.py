"""What is there where results go, where done ones are passed over: whether they are done, and what may be replaced.

What is whole and not ours is never replaced. What is cut short was never finished, or was lost since: it is made again.
"""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from anime2real.image.decode import PictureError
from anime2real.image.endings import is_cut_short
from anime2real.image.provenance import SOFTWARE, read_marks
from anime2real.making import made_otherwise
from anime2real.outcome import Outcome


def done_or_cut_short(
    source: Path, target: Path, variants: int, further: Iterable[Path], systems: Sequence[str], asked: str
) -> Outcome | tuple[Path, ...]:
    """Look at the results of a picture or a clip, of which the usual one is there.

    Args:
        source: the picture.
        target: of its usual result, which is written last, so that it stands for all faces.
        variants: results of a face that are asked for.
        further: those of other faces that are there.
        systems: by what they may be made; any if none are named.
        asked: what is asked for, as results tell it.

    Returns:
        What became of the picture, if all are there and whole, or cannot be made again; else those that are cut short.
    """
    wanted = [target, *(target.with_stem(f"{target.stem}-variant-{number}") for number in range(2, variants + 1))]
    there = [path for path in (*wanted, *further) if os.path.lexists(path) and not os.path.isdir(path)]
    cut = tuple(path for path in there if is_cut_short(path))
    if not cut and there[: len(wanted)] != wanted:
        return ()
    if target not in cut and systems and (otherwise := made_otherwise(target, systems, asked)):
        return Outcome(source, error=otherwise)
    if not cut:
        return Outcome(source, (target,), skipped=True)
    for path in there:
        if path not in cut and not is_ours(path, systems):
            other = f"{path} is already there beside {cut[0]}, which is cut short, and is no result of this program"
            return Outcome(source, error=f"{other}: choose another folder")
    return cut


def may_be_replaced(path: Path, systems: Sequence[str]) -> bool:
    """Whether a result that belongs to an unfinished set may be: it is cut short, or one of ours."""
    return is_cut_short(path) or is_ours(path, systems)


def is_ours(path: Path, systems: Sequence[str]) -> bool:
    """Whether a file is a result of this program, and of one of those systems, if any are named and it says."""
    try:
        marks = read_marks(path)
    except PictureError:
        return False
    by_these = not systems or marks.get("AISystemUsed", systems[0]) in systems
    return by_these and marks.get("Software", "").split()[:1] == SOFTWARE.split()[:1]
