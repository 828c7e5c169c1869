"""How far a student's result is from its teacher's.

Hinton et al., "Distilling the Knowledge in a Neural Network", 2015, of pictures in place of probabilities. Compared
pixel by pixel, the student would draw the mean of what it cannot foresee, which is fog; so colours are compared cell by
cell (`cycle.py`), and what is in them by pretrained features (Johnson et al., "Perceptual Losses", 2016, equation 2).
"""

import torch
from torch import Tensor

from anime2real.train.networks.efficientnet import LiteFeatures


def feature_distance(features: LiteFeatures, image: Tensor, wanted: Tensor) -> Tensor:
    """Mean absolute distance of a picture's features, as a share of their mean size: a scalar.

    The mean over pictures and the four scales; each picture counts by itself, whatever else is in the batch.

    Args:
        features: frozen.
        image, wanted: (N, 3, S, S) in [-1, 1]; the gradient moves `image` alone.
    """
    with torch.no_grad():
        of_wanted = [maps.float() for maps in features(wanted)]
    distances = [
        (maps.float() - still).abs().mean((1, 2, 3)) / still.abs().mean((1, 2, 3)).clamp_min(1e-6)
        for maps, still in zip(features(image), of_wanted, strict=True)
    ]
    return torch.stack(distances).mean()
