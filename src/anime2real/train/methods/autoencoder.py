"""Method 2: a convolutional encoder and decoder, compared with pictures of the other domain.

The founding paper's second way: the output for a drawing is compared, pixel by pixel, with a photograph. The paper has
no pairs, so which photograph? Two answers:

- `random` (the paper): any. The best possible output is then the same for every drawing: the mean photograph under the
  squared error, the median one under the absolute error.
- `matched`: inside each batch, the one-to-one assignment of drawings to photographs that has the least total squared
  distance between their 8×8 thumbnails. The output can then follow whatever a thumbnail shows: background, brightness,
  hair colour, where the face lies.
"""

import numpy as np
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from anime2real.train.batch import Augment, Batch
from anime2real.train.method import Method, TrainedTranslator
from anime2real.train.methods.options import AutoencoderConfig
from anime2real.train.networks.autoencoder import ConvolutionalAutoencoder
from anime2real.train.optimizers import adam
from anime2real.train.run.config import TrainError

THUMBNAIL = 8


class Autoencoder(Method):
    """One autoencoder for each direction.

    Args:
        config: the method's options.
        size: S, pixels a side, a multiple of 16.
    """

    name = "autoencoder"
    averaged = ("to_real", "to_anime")
    augment = Augment(flip=True, zoom=0.0, shared=True)  # a matched pair must stay aligned

    def __init__(self, config: AutoencoderConfig, size: int) -> None:
        super().__init__()
        if size % 16 or size < 16:
            raise TrainError(f"autoencoder wants pictures of a multiple of 16 px, not {size}")
        self.config = config
        self.to_real = ConvolutionalAutoencoder(config.width)
        self.to_anime = ConvolutionalAutoencoder(config.width)
        self._thumbnails: NDArray[np.float32] | None = None

    def make_optimizers(self, learning_rate: float) -> None:
        """One Adam for both directions: they share no weight, so it is two."""
        self.optimizers = {"generators": adam([self.to_real, self.to_anime], learning_rate, (0.9, 0.999))}

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """Compare each output with the picture beside it in the batch."""
        optimizer = self.optimizers["generators"]
        optimizer.zero_grad(set_to_none=True)
        loss_of = F.l1_loss if self.config.loss == "l1" else F.mse_loss
        with self.autocast():
            fake_real, fake_anime = self.both(lambda: self.to_real(batch.anime), lambda: self.to_anime(batch.real))
        loss_real = loss_of(fake_real.float(), batch.real.float())
        loss_anime = loss_of(fake_anime.float(), batch.anime.float())
        (loss_real + loss_anime).backward()
        optimizer.step()
        return {"to_real": loss_real.detach(), "to_anime": loss_anime.detach()}

    def arrange(
        self, anime: NDArray[np.int64], real: NDArray[np.int64], pictures: NDArray[np.uint8]
    ) -> NDArray[np.int64]:
        """For `matched`: `real` reordered to the least total squared distance of the thumbnails."""
        if self.config.pairing == "random":
            return real
        if self._thumbnails is None:
            self._thumbnails = thumbnails(pictures)
        cost = squared_distances(self._thumbnails[anime], self._thumbnails[real])
        _, columns = linear_sum_assignment(cost)
        return np.asarray(real[columns])

    def translators(self) -> list[TrainedTranslator]:
        """Both directions, averaged."""
        return [
            TrainedTranslator(self.name, "anime", "real", self.average["to_real"]),
            TrainedTranslator(self.name, "real", "anime", self.average["to_anime"]),
        ]


def thumbnails(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Box-averaged thumbnails of pictures (N, S, S, 3): (N, 3 · 8 · 8) in [0, 1]. S must be a multiple of 8."""
    n, size = pictures.shape[:2]
    block = size // THUMBNAIL
    result = np.empty((n, THUMBNAIL * THUMBNAIL * 3), np.float32)
    for start in range(0, n, 1024):  # bounded memory: the pictures may be a memory map of gigabytes
        part = pictures[start : start + 1024].astype(np.float32) / 255
        part = part.reshape(len(part), THUMBNAIL, block, THUMBNAIL, block, 3).mean((2, 4))
        result[start : start + 1024] = part.reshape(len(part), -1)
    return result


def squared_distances(one: NDArray[np.float32], two: NDArray[np.float32]) -> NDArray[np.float32]:
    """All squared Euclidean distances between rows: (N, K) and (M, K) to (N, M)."""
    distances = (one**2).sum(1)[:, None] + (two**2).sum(1)[None] - 2 * one @ two.T
    return np.asarray(distances, np.float32)
