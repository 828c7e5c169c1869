"""How sharp pictures are, and whether a lattice of two pixels lies over them."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]


def resized(pixels: Pixels, px: int) -> Pixels:
    """(N, S, S, 3) to (N, px, px, 3), by Lanczos' filter; as they are where S is px."""
    if pixels.shape[1] == px:
        return pixels
    return np.stack([np.asarray(Image.fromarray(p).resize((px, px), Image.Resampling.LANCZOS)) for p in pixels])


def fine_detail(pictures: Pixels) -> NDArray[np.float64]:
    """(N,), the mean absolute Laplacian of the middle half of lined-up faces (N, S, S, 3), of 255.

    It sees any change from pixel to pixel: noise and a lattice count as well.
    """
    side = pictures.shape[1]
    found = np.empty(len(pictures))
    for i, picture in enumerate(pictures):
        grey = picture[side // 4 : side - side // 4, side // 4 : side - side // 4].mean(2)
        middle = grey[1:-1, 1:-1]
        around = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
        found[i] = np.abs(4 * middle - around).mean()
    return found


def lattice(grey: NDArray[np.float64]) -> float:
    """How strong the lattice is that lies over grey levels (S, S), S even and at least 32; 1 is none.

    A decoder that shuffles blocks of 2×2 pixels draws each of the four by other weights: a pattern that repeats after
    two pixels, with power at half a cycle a pixel along either axis and along both. Under a Hann window, the mean power
    within 2 bins of these three places over that 4 to 12 bins away from them; the largest of the three. A picture of
    one colour has none.
    """
    side = len(grey)
    window = np.hanning(side)
    power = np.abs(np.fft.fft2((grey - grey.mean()) * window[:, None] * window[None])) ** 2
    away = np.minimum(np.arange(side), side - np.arange(side))
    ratios = []
    for down, along in ((side // 2, 0), (0, side // 2), (side // 2, side // 2)):
        far = np.hypot(np.roll(away, down)[:, None], np.roll(away, along)[None])
        around = power[(far >= 4) & (far <= 12)].mean()
        ratios.append(float(power[far <= 2].mean() / around) if around > 0 else 1.0)
    return max(ratios)
