"""What a training step gets: pictures of both domains, what is known of them, and how they are augmented."""

from dataclasses import dataclass

from torch import Tensor

from anime2real.train.random_numbers import RandomNumbers


@dataclass(frozen=True)
class Augment:
    """How training pictures are augmented, per sample.

    Attributes:
        flip: mirror half of them.
        zoom: crop a square of at least 1 - zoom of the side at a random place (0 is off).
        uncropped: share of them, below 1, that no square is cropped from: as sharp as what is translated later.
        turn: turn that square by up to so many radians either way; its corners are then filled by reflection.
        shared: the same augmentation for both pictures of a pair, for methods that compare them pixel by pixel.
    """

    flip: bool = True
    zoom: float = 0.1
    uncropped: float = 0.25
    turn: float = 0.0
    shared: bool = False


@dataclass(frozen=True)
class Batch:
    """One step's data.

    Attributes:
        anime: (N, 3, S, S) in [-1, 1].
        real: (N, 3, S, S) in [-1, 1], not a pair of `anime` unless the method arranged it.
        numbers: what chance decides in the step.
        anime_landmarks, real_landmarks: (N, 5, 2) in [-1, 1], x then y, of the pictures as they are here, mirrored,
            zoomed and turned; None for methods that do not ask for them.
        anime_hair, real_hair: (N, 1, S, S) in [0, 1], where the pictures as they are here show hair; None for methods
            that do not ask for it.
        anime_who, real_who: (N, 2), sex from -1 (woman) to 1 (man) and age / 100, as labelled, and behind them four
            columns of `data.pack.EXPRESSION`, each from -1 to 1, for methods that want these; None for methods that ask
            for neither.
        anime_known, real_known: (N, 1, S, S), 1 where the pictures as they are here show their files and 0 where they
            show what was made up beyond; None for methods that do not ask for it.
        real_set: other pictures, for the discriminators to see as real in place of these; None where these are.
        anime_soft, real_soft: (N,) bool, which of these real_set are softer than asked, and let in; or None.
    """

    anime: Tensor
    real: Tensor
    numbers: RandomNumbers
    anime_landmarks: Tensor | None = None
    real_landmarks: Tensor | None = None
    anime_hair: Tensor | None = None
    real_hair: Tensor | None = None
    anime_who: Tensor | None = None
    real_who: Tensor | None = None
    anime_known: Tensor | None = None
    real_known: Tensor | None = None
    real_set: "Batch | None" = None
    anime_soft: Tensor | None = None
    real_soft: Tensor | None = None
