"""Sample grids: the same few pictures through every translator at each stage, so that a run can be watched."""

from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from anime2real.atomic import atomic_file
from anime2real.bundle.format import STYLE
from anime2real.data.index_lines import SPLITS
from anime2real.data.pack import Pack
from anime2real.domain import DOMAINS, Domain
from anime2real.image.label_map import coloured
from anime2real.train.method import Method, TrainedTranslator
from anime2real.train.networks.tilt import tilts

COLUMNS: Final = 12

LEAST_YEARS: Final = 20
"""How old people of photographs look who are shown, by their labels, which say 18 of whoever looks younger.

Labels err, of small and blurred pictures most."""


def chosen_rows(pack: Pack, seed: int) -> dict[Domain, NDArray[np.int64]]:
    """Up to `COLUMNS` rows of each domain, from the test split where it has any, chosen once for the run.

    Pictures of weight 0 are not shown, nor photographs of people who look younger than `LEAST_YEARS`; where all of a
    domain are such, none of it is.
    """
    generator = np.random.default_rng([seed, 3])
    rows: dict[Domain, NDArray[np.int64]] = {}
    for domain in DOMAINS:
        splits = [_to_be_shown(pack, pack.rows(domain, split), domain) for split in SPLITS[::-1]]
        candidates = next((of_split for of_split in splits if len(of_split)), splits[-1])
        rows[domain] = np.sort(generator.permutation(candidates)[:COLUMNS])
    return rows


def _to_be_shown(pack: Pack, rows: NDArray[np.int64], domain: Domain) -> NDArray[np.int64]:
    """Those of some rows of a domain whose pictures may be shown; where nothing is known, they may."""
    shown: NDArray[np.bool_] = pack.index.column("weight")[rows, 0] != 0
    if domain == "real":
        shown &= ~(pack.index.column("who")[rows, 1] < LEAST_YEARS / 100)
    return rows[shown]


@torch.no_grad()
def write_grid(
    method: Method,
    pictures: Tensor,
    rows: dict[Domain, NDArray[np.int64]],
    path: Path,
    landmarks: Tensor | None = None,
    who: Tensor | None = None,
) -> None:
    """Write a PNG: for each domain a row of inputs, then a row for each translator that starts from it.

    A domain of which nothing is to be shown has no rows; where neither has, no file is written.

    Args:
        method: as it stands.
        pictures: (P, S, S, 3) uint8.
        rows: which of them, by domain.
        path: of the PNG.
        landmarks: (P, 5, 2) in [-1, 1], for translators that want a condition of the face's place.
        who: (P, 2), as labelled, for translators that are told who should be shown.
    """
    strips = []
    for domain in DOMAINS:
        chosen = torch.from_numpy(rows[domain]).to(pictures.device)
        if not len(chosen):
            continue
        inputs = pictures[chosen]
        image = inputs.permute(0, 3, 1, 2).float() / 127.5 - 1.0
        translators = [translator for translator in method.translators() if translator.source == domain]
        classes = max((translator.classes for translator in translators), default=0)
        shown = inputs.cpu().numpy()
        strips.append(coloured(shown, classes) if classes else shown)
        for translator in translators:
            module = translator.module.to(pictures.device).eval()
            known = [None if values is None else values[chosen] for values in (landmarks, who)]
            conditions = conditions_for(translator, len(chosen), *known)
            strips.append(to_pixels(module(image, *(value.to(image.device) for value in conditions))))
    if not strips:
        return
    widest = max(len(strip) for strip in strips)
    size = strips[0].shape[1]
    grid = np.full((len(strips) * size, widest * size, 3), 255, np.uint8)  # white where a domain has fewer pictures
    for row, strip in enumerate(strips):
        grid[row * size : (row + 1) * size, : len(strip) * size] = np.concatenate(list(strip), axis=1)
    with atomic_file(path) as temporary:
        Image.fromarray(grid).save(temporary, format="PNG")


def conditions_for(
    translator: TrainedTranslator, count: int, landmarks: Tensor | None, who: Tensor | None = None
) -> tuple[Tensor, ...]:
    """The arguments that a translator takes beside `count` pictures of faces.

    Args:
        translator: told the usual style, if it is told one.
        count: N.
        landmarks: (N, 5, 2) in [-1, 1].
        who: (N, 2), whom the pictures show.
    """
    if translator.conditions == ("who",):
        assert who is not None  # the method has asked for it
        return (who,)
    if translator.conditions == ("style",):
        return (torch.zeros(count, STYLE),)
    if not translator.conditions or landmarks is None:
        return ()
    return ((landmarks + 1) / 2,) if translator.conditions == ("landmarks",) else (tilts(landmarks),)


def to_pixels(image: Tensor) -> NDArray[np.uint8]:
    """(N, 3, H, W) in [-1, 1] to (N, H, W, 3) in 0–255, rounded."""
    scaled = ((image.float() + 1.0) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return np.asarray(scaled.permute(0, 2, 3, 1).cpu().numpy())
