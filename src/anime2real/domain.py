"""The two domains."""

from collections.abc import Sequence
from typing import Final, Literal

Domain = Literal["anime", "real"]
DOMAINS: Final[tuple[Domain, Domain]] = ("anime", "real")


def other(domain: Domain) -> Domain:
    """The domain across: `real` for `anime`, `anime` for `real`."""
    return "real" if domain == "anime" else "anime"


def already_note(domains: Sequence[Domain], to: Domain) -> tuple[str, ...]:
    """A note if some faces, by their domains, are in the domain to translate to already; else nothing."""
    count = domains.count(to)
    kind, wanted = ("photographed", "photographs") if to == "real" else ("drawn", "drawings")
    note = f"{count} of {len(domains)} faces look {kind} already: are {wanted} what they should become?"
    return (note,) if count else ()
