"""Clips among the files that `translate` is given: which they are, and what becomes of one."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from anime2real.domain import Domain
from anime2real.errors import UserError
from anime2real.image.decode import printable
from anime2real.image.files import clip_kind
from anime2real.pipeline import Translator
from anime2real.translate_files import ClipJob, Options, Outcome
from anime2real.video.clip import Clip, ClipError
from anime2real.video.translate import ClipOptions, ClipResult, open_clip, translate_clip


@dataclass(frozen=True)
class Clips:
    """How clips are dealt with.

    Attributes:
        translator: gives the one to a domain.
        layout: as the user asked for it; clips know `paste` alone.
        to: the domain; by the majority of each clip's faces if None.
        progress: told the clip's name, what is being done, how many frames of it are, and of how many.
    """

    translator: Callable[[Domain], Translator]
    layout: str | None = None
    to: Domain | None = None
    progress: Callable[[str, str, int, int | None], None] = field(default=lambda name, doing, done, total: None)

    def __call__(self, path: Path, options: Options) -> ClipJob | ClipError | None:
        """What to do with a clip, or why it cannot be dealt with; None if it is to be taken for a picture.

        An animated picture of which each face alone is asked for is a picture: its first frame.
        """
        as_picture = options.crop == "none" or self.layout in ("face", "pair")
        if as_picture and clip_kind(path) == "animation":
            return None
        if options.crop == "none":
            return ClipError(printable(f"{path}: --crop none is for pictures; a clip's faces are found"))
        if as_picture:
            return ClipError(printable(f"{path}: a clip's faces are pasted back: leave --layout {self.layout} out"))
        try:
            clip = open_clip(path, self._options(options))
        except ClipError as error:
            return error
        return ClipJob(clip.suffix, lambda target: self._run(clip, path, target, options))

    def _run(self, clip: Clip, source: Path, target: Path, options: Options) -> Outcome:
        start = time.perf_counter()
        try:
            result = translate_clip(
                source, target, self.translator, self._options(options), clip=clip,
                progress=lambda doing, done, total: self.progress(source.name, doing, done, total),
            )  # fmt: skip
        except UserError as error:
            return Outcome(source, error=str(error))
        seconds = time.perf_counter() - start
        record = _record(result, round(seconds, 2))
        return Outcome(source, (target,), seconds=seconds, notes=result.notes, record=record)

    def _options(self, options: Options) -> ClipOptions:
        return ClipOptions(to=self.to, background=options.background)


def _record(result: ClipResult, seconds: float) -> dict[str, Any]:
    """For JSON: to, method, encoding, frames, resumed, tracks, seconds."""
    tracks = [
        {
            "from": round(result.times[track.first], 3),
            "to": round(result.times[track.end - 1], 3),
            "frames": len(track.landmarks),
            "domain": track.domain,
        }
        for track in result.tracks
    ]
    bundle = result.translator.bundle
    return {
        "to": bundle.target, "method": bundle.method, "encoding": result.encoding, "frames": result.frames,
        "resumed": result.resumed, "tracks": tracks, "seconds": seconds,
    }  # fmt: skip
