"""The two domains."""

from typing import Final, Literal

Domain = Literal["anime", "real"]
DOMAINS: Final[tuple[Domain, Domain]] = ("anime", "real")


def other(domain: Domain) -> Domain:
    """The domain across: `real` for `anime`, `anime` for `real`."""
    return "real" if domain == "anime" else "anime"
