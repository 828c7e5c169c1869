"""Who a result should show: a man or a woman, and how old. What is not said is read off the picture."""

import re
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from anime2real.errors import UsageError

YOUNGEST: Final = 18
OLDEST: Final = 80
"""Ages that can be asked for, in years. Whoever looks younger than `YOUNGEST` is taken for that."""

AUTO: Final = "auto"
HOW: Final = (
    f"give man or woman, an age from {YOUNGEST} to {OLDEST}, or both, as 'man, 25'; or auto, as the picture has it"
)

_SEXES: Final = {"woman": -1.0, "man": 1.0}


class WhoError(UsageError):
    """Nobody that can be asked for."""


@dataclass(frozen=True)
class Who:
    """Who is asked for.

    Attributes:
        sex: from -1 (woman) to 1 (man); None as the picture has it.
        age: in years, `YOUNGEST` to `OLDEST`; None as the picture has it.

    Raises:
        WhoError: a sex or an age beyond these.
    """

    sex: float | None = None
    age: float | None = None

    def __post_init__(self) -> None:
        if self.sex is not None and not -1 <= self.sex <= 1:
            raise WhoError(f"a sex goes from -1 (woman) to 1 (man), not {self.sex:g}")
        if self.age is not None and not YOUNGEST <= self.age <= OLDEST:
            raise WhoError(f"ages are {YOUNGEST} to {OLDEST} years here, not {self.age:g}")

    @property
    def said(self) -> bool:
        """Whether anything is asked for."""
        return self.sex is not None or self.age is not None

    def asked(self, seen: NDArray[np.float64], ages: tuple[float, float]) -> NDArray[np.float64]:
        """What a network is told.

        Args:
            seen: (K, 2), sex from -1 to 1 and age in years, as faces look.
            ages: the youngest and the oldest that the network can draw.

        Returns:
            (K, 2): sex, age / 100.
        """
        told = np.array(seen, np.float64).reshape(-1, 2)
        for column, value in enumerate((self.sex, self.age)):
            if value is not None:
                told[:, column] = value
        return np.stack([told[:, 0].clip(-1, 1), told[:, 1].clip(*ages) / 100], axis=1)


AS_SEEN: Final = Who()
"""Everybody as the picture has them."""


def parse_who(text: "str | Who | None") -> Who:
    """Who is meant by a text such as `man, 25`, `woman`, `60` or `auto`.

    Raises:
        WhoError: it names nobody that can be asked for, or somebody under `YOUNGEST`.
    """
    if text is None or isinstance(text, Who):
        return text or AS_SEEN
    if not isinstance(text, str):
        raise WhoError(f"who is {type(text).__name__}: {HOW}")
    words = [word for word in re.split(r"[\s,]+", text.strip().lower()) if word]
    sexes = [word for word in words if word in _SEXES]
    ages = [word for word in words if re.fullmatch(r"\d{1,3}", word)]
    if words == [AUTO]:
        return AS_SEEN
    if not words or len(sexes) + len(ages) != len(words) or len(sexes) > 1 or len(ages) > 1:
        raise WhoError(f"who is {text[:40]!r}: {HOW}")
    if ages and not YOUNGEST <= int(ages[0]) <= OLDEST:
        raise WhoError(f"who is {text[:40]!r}: ages are {YOUNGEST} to {OLDEST} years here")
    return Who(_SEXES[sexes[0]] if sexes else None, float(ages[0]) if ages else None)
