"""Which results Galatea's discriminators see: translations and, for a share of each batch, pictures that came back.

A generator whose translations alone are seen learns two manners: it draws what it takes for a drawing by hand as
a sharp picture, and what it takes for the other generator's as the mean of all pictures that may have been meant, since
the cycle asks for no more. Clean drawings by hand are taken for the other generator's, too, and come out as fog.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from anime2real.domain import DOMAINS, Domain, other
from anime2real.train.batch import Batch
from anime2real.train.face_frame import result_landmarks
from anime2real.train.joined_batch import places
from anime2real.train.methods.galatea_options import GalateaConfig
from anime2real.train.methods.galatea_told import labelled


@dataclass(frozen=True)
class Results:
    """Results of a domain, and what is known of the pictures that they were made from.

    Attributes:
        image: (N, 3, S, S) in [-1, 1].
        landmarks: (N, 5, 2) in [-1, 1], where the results' eyes, noses and mouths usually lie (`face_frame.py`).
        who: (N, 2) or (N, 6), who is to be seen.
        known: (N, 1, S, S), 1 where the picture shows its file.
    """

    image: Tensor
    landmarks: Tensor | None
    who: Tensor | None
    known: Tensor | None

    def detached(self) -> "Results":
        """The same without a gradient."""
        return Results(self.image.detach(), self.landmarks, self.who, self.known)


def chosen_results(
    config: GalateaConfig, batch: Batch, translated: Mapping[str, Tensor], returned: Mapping[str, Tensor]
) -> dict[str, Results]:
    """The results that are seen in a step, by domain.

    Args:
        config: the method's options.
        batch: the step's data.
        translated: (N, 3, S, S) by the domain of the results.
        returned: (N, 3, S, S) by the domain that they left and came back to; not looked at without `returned_share`.
    """
    asked = dict(zip(DOMAINS, reversed(labelled(config, batch)), strict=True))
    results: dict[str, Results] = {}
    for domain in DOMAINS:
        image = translated[domain]
        of = _about(batch, other(domain), asked[domain])
        if of[0] is not None:
            of[0] = result_landmarks(of[0], domain)
        if config.returned_share:
            came_back = _came_back(len(image), config.returned_share, image.device)
            own = _about(batch, domain, getattr(batch, f"{domain}_who"))
            image = _chosen(came_back, returned[domain], image)
            of = [None if a is None or b is None else _chosen(came_back, a, b) for a, b in zip(own, of, strict=True)]
        results[domain] = Results(image, *of)
    return results


def _about(batch: Batch, domain: Domain, who: Tensor | None) -> list[Tensor | None]:
    """What is known of results made from the pictures of a domain: landmarks, who is to be seen, what is known."""
    return [getattr(batch, f"{domain}_landmarks"), who, getattr(batch, f"{domain}_known")]


def _came_back(count: int, share: float, device: torch.device) -> Tensor:
    """Which of a batch are seen as they came back: pairs of neighbours, since who is asked for alternates."""
    pair = places(count, device) // 2
    return torch.floor((pair + 1) * share) > torch.floor(pair * share)


def _chosen(first: Tensor, these: Tensor, those: Tensor) -> Tensor:
    """These where `first`, (N,), says so, else those; (N, …) each."""
    return torch.where(first.view(-1, *[1] * (these.ndim - 1)), these, those)
