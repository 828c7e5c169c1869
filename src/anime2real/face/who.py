"""Who a face shows, and who is asked for: man or woman, and how old.

What a user does not say of whom a result should show is what `finder.Labeller` reads off the face.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from anime2real.bundle.limits import OLDEST, YOUNGEST
from anime2real.errors import UsageError

LABELS: Final = Path(__file__).parent / "models" / "labels.onnx"
"""The network that reads labels off a face."""

LABEL_CROP: Final = 112
"""Pixels a side of its crops."""


@dataclass(frozen=True)
class Labels:
    """How a face looks.

    Attributes:
        sex: from -1 (woman) to 1 (man).
        age: in years, 18 to 80; whoever looks younger is 18.
        mouth_open, smile, eyes_open, glasses: how sure that is, from 0 to 1.
    """

    sex: float
    age: float
    mouth_open: float
    smile: float
    eyes_open: float
    glasses: float

    def as_record(self) -> dict[str, Any]:
        """For JSON, rounded to what the network can tell."""
        return {
            "sex": round(self.sex, 2), "age": round(self.age), "mouth_open": round(self.mouth_open, 2),
            "smile": round(self.smile, 2), "eyes_open": round(self.eyes_open, 2), "glasses": round(self.glasses, 2),
        }  # fmt: skip


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

    def in_words(self) -> str:
        """As `parse_who` takes it; a sex between the two as a number."""
        words = [] if self.sex is None else [{-1.0: "woman", 1.0: "man"}.get(self.sex) or f"sex {self.sex:g}"]
        words += [] if self.age is None else [f"{self.age:g}"]
        return ", ".join(words) or AUTO


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
