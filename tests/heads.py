"""Drawn heads whose hair is known."""

import numpy as np
from PIL import Image, ImageDraw

from anime2real.face.geometry import TEMPLATE, Similarity

PX = 96
SKIN, BLUE_HAIR, PINK_HAIR = (240, 205, 180), (40, 60, 150), (235, 110, 160)
GREEN, GREY = (60, 140, 70), (120, 120, 120)


def head(
    hair: tuple[int, int, int],
    background: tuple[int, int, int] = GREEN,
    *,
    tilt_degrees: float = 0.0,
    width: float = 0.76,
) -> tuple[np.ndarray, np.ndarray]:
    """A face with hair of a width around it, turned clockwise about the middle; and its landmarks, px."""
    picture = Image.new("RGB", (PX, PX), background)
    draw = ImageDraw.Draw(picture)

    def oval(left: float, top: float, right: float, bottom: float, colour: tuple[int, int, int]) -> None:
        draw.ellipse(tuple(PX * v for v in (left, top, right, bottom)), fill=colour)

    oval(0.5 - width / 2, 0.40 - width / 2, 0.5 + width / 2, 0.95, hair)
    oval(0.27, 0.20, 0.73, 0.86, SKIN)
    angle = np.radians(tilt_degrees)
    linear = complex(np.cos(angle), np.sin(angle))
    middle = complex(PX / 2, PX / 2)
    turned = picture.rotate(-tilt_degrees, resample=Image.Resampling.BICUBIC, fillcolor=background)
    return np.asarray(turned), Similarity(linear, middle - linear * middle)(TEMPLATE * PX)
