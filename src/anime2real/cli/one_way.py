"""Which way a method or a bundle goes that is named to `translate`."""

from typing import TYPE_CHECKING

from anime2real.domain import Domain
from anime2real.errors import UsageError

if TYPE_CHECKING:  # imported when the command runs: `--help` answers at once
    from anime2real.bundle.format import Bundle


def named_bundle(method: str | None, bundle: str | None, to: Domain | None) -> "tuple[Bundle | None, Domain | None]":
    """The bundle that --bundle names, if it does, and the domain, if it is one for all pictures.

    Args:
        method, bundle: one of them is named.
        to: the domain that is asked for, if one is.

    Raises:
        UsageError: the bundle translates to the other domain.
        BundleError: it cannot be had.
    """
    from anime2real.bundle.registry import only_target, open_bundle

    if bundle is None:
        return None, to or only_target(method or "")
    given = open_bundle(bundle)
    if to not in (None, given.target):
        raise UsageError(f"{bundle} translates to {given.target}, not to {to}: leave --to out")
    return given, given.target
