"""The commands that make things to train on, train, and export: `prepare`, `train`, `export`; and `evaluate`.

torch is imported by the last three alone, and only once they run.
"""

import json
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import App, Parameter

from anime2real.domain import DOMAINS, Domain
from anime2real.errors import UsageError, UserError
from anime2real.image.open import printable

Many = Parameter(consume_multiple=True)


def prepare(
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"])],
    size: int,
    anime: Annotated[list[Path] | None, Many] = None,
    real: Annotated[list[Path] | None, Many] = None,
    both: Annotated[list[Path] | None, Many] = None,
    layout: Annotated[list[str] | None, Many] = None,
    crop: Literal["face", "tilted", "auto", "centre", "celeba"] = "face",
    test_share: float = 0.05,
    licence: str = "",
    rights: str = "",
    near: int = 8,
    hair: bool = False,
    overwrite: bool = False,
    quiet: bool = False,
) -> int:
    """Make a pack to train on, from folders or zip archives of pictures. Bad files are listed and left out.

    Args:
        output: the pack's folder.
        size: pixels a side.
        anime: folders or archives of drawings.
        real: folders or archives of photographs.
        both: folders or archives that hold both, as trainA, trainB, testA … or a folder a domain.
        layout: what the names in `both` mean, as A=real B=anime.
        crop: find the face and line it up; tilted leaves it as it leans; centre takes the centre square; celeba crops
            its aligned pictures to the face; auto is celeba for pictures of its sizes, else centre.
        test_share: share of the pictures kept for testing, where their folders do not say.
        licence: in a few words, what may be done with what is learned from the pictures, for the model cards.
        rights: why, in a sentence.
        near: bits of 64 by which near-duplicates differ at most; 0 drops exact copies only.
        hair: find the hair too, which galatea's --hair-recolouring, --hair-weight and --hair-resampling need.
        overwrite: replace a pack that is there.
        quiet: no progress.
    """
    from anime2real.data.prepare import prepare as make

    summary = make(
        anime or [], real or [], output, size=size, both=both or [], layout=_meanings(layout or []),
        crop=crop, test_share=test_share, licence=licence, rights=rights, near=near, hair=hair, overwrite=overwrite,
        quiet=quiet,
    )  # fmt: skip
    for line in summary.bad:
        print(printable(f"skipped: {line}"), file=sys.stderr)
    print(json.dumps({"pack": str(summary.folder), "counts": summary.counts, "dropped": summary.dropped}))
    return 0


def train(*tokens: Annotated[str, Parameter(allow_leading_hyphen=True, show=False)]) -> Any:
    """Train a method on a pack; the same command again resumes. Needs the extra `train`."""
    _need_training()
    from anime2real.cli.train import app as training

    # A second parser around the real one: registered above, it would import torch for every mistyped command.
    parser = App(name="anime2real", help_format="plaintext", suppress_keyboard_interrupt=False)
    parser.command(training)
    return parser(["train", *tokens], exit_on_error=False, print_error=False, result_action="return_value")


def export(run: Path, /, *, output: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None) -> int:
    """Write the bundles of a run as its newest checkpoint stands. Needs the extra `train`.

    Args:
        run: the run folder.
        output: where the bundles go; into the run itself if not given.
    """
    _need_training()
    from anime2real.cli.train import export as write

    for folder in write(run, output):
        print(printable(folder))
    return 0


def evaluate(
    bundles: list[str],
    /,
    *,
    data: Path,
    json_: Annotated[Path | None, Parameter(name="--json")] = None,
    features: Annotated[list[str] | None, Many] = None,
    inception: Path | None = None,
    images: int = 1000,
    turn: float = 0.0,
    px: int | None = None,
    min_scale: float = 0.0,
    device: str = "auto",
    quiet: bool = False,
) -> int:
    """Measure bundles on the test pictures of a pack, and print the table.

    Args:
        bundles: folders of bundles, methods that ship (cyclegan), their bundles (cyclegan-anime-to-real), or names
            on the Hub (hf://OWNER/NAME).
        data: the pack.
        json_: write everything, the protocol included, to this file.
        features: Lite0, VGG, Inception: what pictures are compared by; Lite0 if not given. VGG measures variety too.
        inception: the weights file that torch-fidelity takes, for Inception.
        images: of each domain at most.
        turn: degrees by which every picture is turned first, every second one the other way.
        px: pixels a side at which everything is measured; the pack's if not given. Each bundle gets the pack's pictures
            at its own size.
        min_scale: pixels of its file a side that a test picture must have for each of the pack's: sharp ones alone.
        device: that computes the features: auto, cpu, cuda, cuda:1. The bundles run on the CPU.
        quiet: no progress.
    """
    from anime2real.atomic import atomic_file
    from anime2real.bundle.registry import resolve
    from anime2real.data.pack import Pack
    from anime2real.measure.evaluate import evaluate as measure
    from anime2real.measure.evaluate import table
    from anime2real.measure.features import Features
    from anime2real.train.loop import find_device

    if images < 2:
        raise UsageError(f"--images must be at least 2, not {images}")
    if px is not None and not 32 <= px <= 1024:
        raise UsageError(f"--px goes from 32 to 1024, not {px}")
    if min_scale < 0:
        raise UsageError(f"--min-scale is 0 or more, not {min_scale:g}")
    chosen = [bundle for name in bundles for bundle in resolve(name)]
    pack = Pack(data)
    extractors = [Features(name, inception, find_device(device)) for name in features or ["Lite0"]]
    report = measure(
        chosen, pack, extractors, images=images, turn_degrees=turn, px=px, min_scale=min_scale, quiet=quiet
    )
    print(table(report))
    if json_ is not None:
        json_.parent.mkdir(parents=True, exist_ok=True)
        with atomic_file(json_) as temporary:
            temporary.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return 0


def _need_training() -> None:
    missing = [name for name in ("torch", "safetensors", "scipy", "onnx", "tomli_w") if find_spec(name) is None]
    if missing:
        raise UserError(f'training needs {", ".join(missing)}: pip install "anime2real[train]"')


def _meanings(pairs: list[str]) -> dict[str, Domain] | None:
    meanings: dict[str, Domain] = {}
    for pair in pairs:
        name, _, domain = pair.partition("=")
        if not name or domain not in DOMAINS:
            raise UsageError(f"--layout {pair!r} must be a name and a domain, as A=real")
        meanings[name] = domain
    return meanings or None
