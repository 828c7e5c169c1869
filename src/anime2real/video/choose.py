"""Whose faces in a clip are replaced: one person as long as he or she is seen."""

from collections.abc import Sequence

import numpy as np

from anime2real.face.geometry import to_template
from anime2real.network import TranslatorError
from anime2real.pipeline import FaceChoice
from anime2real.video.tracks import Track


def choose_tracks(tracks: Sequence[Track], choice: FaceChoice, *, where: str = "the clip") -> list[Track]:
    """Those of a clip's faces that are asked for, each from its first frame to its last.

    A face is the largest if no face that shares at least half of its frames is larger there, in the mean; the second
    if one is.

    Args:
        tracks: at least one.
        choice: `all` and `left-to-right` are all of them; `largest` is number 1.
        where: for the error.

    Raises:
        TranslatorError: there never are as many faces as the number that is asked for.
    """
    if choice in ("all", "left-to-right"):
        return list(tracks)
    wanted = 1 if choice == "largest" else choice
    ranks = [1 + sum(_hides(other, track) for other in tracks if other is not track) for track in tracks]
    if wanted not in ranks:
        raise TranslatorError(f"{where}: there is no face {wanted}, the faces seen at one time are {max(ranks)}")
    return [track for track, rank in zip(tracks, ranks, strict=True) if rank == wanted]


def _hides(other: Track, track: Track) -> bool:
    """Whether another face is larger in the frames that both share, and these are at least half of the track's."""
    first, end = max(track.first, other.first), min(track.end, other.end)
    if 2 * (end - first) < len(track.landmarks):
        return False
    sizes = [
        np.mean([1 / to_template(points).scale for points in one.landmarks[first - one.first : end - one.first]])
        for one in (other, track)
    ]
    return bool(sizes[0] > sizes[1])
