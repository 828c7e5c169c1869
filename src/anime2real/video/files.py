"""The clips among the files that `translate` is given, as jobs for `translate_files`."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from anime2real.domain import Domain
from anime2real.errors import UserError
from anime2real.image.decode import printable
from anime2real.image.files import clip_kind
from anime2real.making import of_clip
from anime2real.network import Network
from anime2real.outcome import ClipJob, Options, Outcome
from anime2real.video.clip import Clip, ClipError
from anime2real.video.translate import ClipOptions, ClipResult, open_clip, translate_clip


@dataclass(frozen=True)
class ClipJobs:
    """Makes a job of each clip.

    Attributes:
        translator: gives the translator to a domain.
        layout: the layout that the user asked for; clips only have `paste`.
        to: the domain; if None, each clip goes to the domain that most of its faces are not of.
        progress: called with the clip's name, what is being done, and how many frames of how many are done.
    """

    translator: Callable[[Domain], Network]
    layout: str | None = None
    to: Domain | None = None
    progress: Callable[[str, str, int, int | None], None] = field(default=lambda name, doing, done, total: None)

    def __call__(self, path: Path, options: Options) -> ClipJob | ClipError | None:
        """The job for a clip, or why it cannot be translated; None to treat it as a picture.

        If each face alone is asked for, an animated picture is treated as a picture: its first frame.
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
        record, to = _record(result, round(seconds, 2)), result.translator.bundle.target
        return Outcome(source, (target,), to, seconds=seconds, notes=result.notes, record=record)

    def _options(self, options: Options) -> ClipOptions:
        asked = of_clip(options.asked)
        return ClipOptions(to=self.to, background=options.background, who=options.who, faces=options.faces, asked=asked)


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
