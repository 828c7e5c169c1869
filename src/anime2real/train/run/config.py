"""What one training is: everything that decides its result, and nothing that only decides its speed."""

import dataclasses
import difflib
import math
from dataclasses import dataclass
from typing import Any

from anime2real.errors import UsageError, UserError

EPOCH_PAIRS = 15_000
"""Pairs in what this project calls an epoch, whatever the pack holds: the founding paper's."""


class TrainError(UserError):
    """A training that cannot start or go on."""


class TrainOptionError(TrainError, UsageError):
    """An option that a method does not take, or that stands for nothing here."""


@dataclass(frozen=True)
class Budget:
    """How long to train; exactly one of the two is set.

    Attributes:
        minutes: of wall clock, compiling included, exporting not.
        pairs: pictures of each domain, with repetition.
    """

    minutes: float | None = None
    pairs: int | None = None

    def __post_init__(self) -> None:
        if (self.minutes is None) == (self.pairs is None):
            raise TrainError("a training needs one budget: minutes, epochs, pairs or steps")
        if not 0 < (self.minutes or self.pairs or 0) < math.inf:
            raise TrainError(f"the budget must be more than nothing, not {self.minutes or self.pairs}")

    def longer_than(self, other: "Budget") -> bool:
        """Whether it is of the other's kind, minutes or pairs, and more."""
        if self.pairs is not None and other.pairs is not None:
            return self.pairs > other.pairs
        return self.minutes is not None and other.minutes is not None and self.minutes > other.minutes

    def __str__(self) -> str:
        return f"{self.pairs:,} pairs" if self.pairs is not None else f"{self.minutes:g} minutes"

    def counted(self, pairs: int, seconds: float) -> tuple[int, int]:
        """How much of the budget is used up, and how much it is: pairs or seconds."""
        if self.pairs is not None:
            return pairs, self.pairs
        return round(seconds), round(60.0 * (self.minutes or 0.0))

    def progress(self, pairs: int, seconds: float) -> float:
        """Share of the budget that is used up, in [0, 1]."""
        share = pairs / self.pairs if self.pairs else seconds / 60.0 / (self.minutes or 1.0)
        return min(1.0, share)


@dataclass(frozen=True)
class TrainConfig:
    """One training, resolved.

    Attributes:
        method: its name.
        options: the method's own configuration, a frozen dataclass.
        budget: how long.
        seed: of the networks, the order of the pictures and their variation.
        ema_half_life: pairs after which a weight's share in the running average has halved.
        ema_shares: the same of averages beside that one, each as a share of the pairs seen so far; each is
            exported too.
        samples: times that the sample grid is drawn over the run.
        pack: name and sum of the pack (filled by the loop).
        earlier_budgets: those that the run had before it was given a longer one, in their order (filled by the run's
            folder). The learning rate of a step is by the budget that the run had then.
    """

    method: str
    options: Any
    budget: Budget
    seed: int = 0
    ema_half_life: float = 10_000.0
    ema_shares: tuple[float, ...] = ()
    samples: int = 12
    pack: str = ""
    earlier_budgets: tuple[Budget, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.seed < 2**63:
            raise TrainError(f"--seed is a whole number from 0 on, below 2 to the power of 63, not {self.seed}")
        if not 0 < self.ema_half_life < math.inf:
            raise TrainError(f"--ema-half-life is more than 0, not {self.ema_half_life:g}")
        for share in self.ema_shares:
            if not 0 < share <= 1:
                raise TrainError(f"--ema-shares are shares of the pairs seen, above 0 and up to 1, not {share:g}")
        folders = [f"{share:g}" for share in self.ema_shares]
        for name in folders:
            if folders.count(name) > 1:
                raise TrainError(f"--ema-shares {name} is given twice: each once")

    def as_table(self) -> dict[str, Any]:
        """As it is written to config.toml: nested tables without empty values, and options without a part."""
        table = dataclasses.asdict(self)
        table["budget"] = _of_budget(table["budget"])
        table["earlier_budgets"] = [_of_budget(budget) for budget in table["earlier_budgets"]]
        if not self.earlier_budgets:
            del table["earlier_budgets"]
        # TOML has lists alone.
        table["ema_shares"] = list(self.ema_shares)
        options = {k: list(v) if isinstance(v, tuple) else v for k, v in table["options"].items()}
        unused = getattr(self.options, "unused", ())  # of those that a method has from another one
        table["options"] = {name: value for name, value in options.items() if name not in unused}
        return table

    def as_toml(self) -> str:
        """The text of config.toml."""
        import tomli_w  # of the extra `train`, which help does without

        return tomli_w.dumps(self.as_table())


def _of_budget(table: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in table.items() if value is not None}


def options_from(kind: type[Any], given: dict[str, Any]) -> Any:
    """Build a method's options from a mapping, refusing unknown keys with the nearest known one.

    Raises:
        TrainError: for a key that `kind` does not have.
    """
    known = [field.name for field in dataclasses.fields(kind)]
    for key in given:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; it has {', '.join(known)}"
            raise TrainError(f"unknown option {key!r} for this method{hint}")
    tuples = {key: tuple(value) for key, value in given.items() if isinstance(value, list)}
    return kind(**given | tuples)
