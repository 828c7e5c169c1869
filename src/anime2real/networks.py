"""The bundles that a command may use, and their networks."""

from collections.abc import Sequence
from functools import partial
from threading import Lock
from typing import Any

from anime2real.bundle.format import Bundle, BundleError, core_bundle
from anime2real.domain import DOMAINS, Domain
from anime2real.errors import UserError
from anime2real.network import Network


class Networks:
    """The bundles that a command may use and their networks, by the domain that they translate to.

    Args:
        method: an installed method; the best one of each direction if None.
        given: the only bundle there is, in place of a method.
        with_variants: whether the best one has to make several results of one picture.
        threads, once: as of `Network`.
    """

    def __init__(
        self,
        method: str | None,
        given: Bundle | None = None,
        *,
        with_variants: bool = False,
        threads: int | None = None,
        once: bool = False,
    ) -> None:
        self._method, self._given, self._with_variants = method, given, with_variants
        self._threads, self._once, self._lock = threads, once, Lock()
        self._known: dict[Domain, Bundle | UserError] = {}
        self._loaded: dict[Domain, Network] = {}
        if given is not None:
            wrong_way = BundleError(f"{given.folder} translates to {given.target} alone")
            self._known = {to: given if to == given.target else wrong_way for to in DOMAINS}

    def __reduce__(self) -> tuple[Any, ...]:  # as `Network`
        made = partial(type(self), with_variants=self._with_variants, threads=self._threads, once=self._once)
        return made, (self._method, self._given)

    def __call__(self, to: Domain) -> Network:
        """The network of a direction, loaded once; a UserError if there is none, or it is damaged."""
        with self._lock:
            if to not in self._loaded:
                self._loaded[to] = Network(self.bundle(to), threads=self._threads, once=self._once)
            return self._loaded[to]

    def bundle(self, to: Domain) -> Bundle:
        """The bundle of a direction, looked up once; a UserError if there is none, or it is damaged."""
        return self.bundles([to])[0]

    def bundles(self, domains: Sequence[Domain]) -> list[Bundle]:
        """Those to some domains, at least one; the UserError of the first domain if there is none."""
        known = [self._look_up(to) for to in domains]
        if found := [one for one in known if isinstance(one, Bundle)]:
            return found
        raise next(one for one in known if isinstance(one, UserError))

    def _look_up(self, to: Domain) -> Bundle | UserError:
        try:
            if to not in self._known and not self._with_variants and (own := core_bundle(self._method, to)):
                self._known[to] = own
            if to not in self._known:
                from anime2real.bundle.registry import find  # not above: the package's own are found without it

                self._known[to] = find(self._method, to, with_variants=self._with_variants)
        except UserError as error:
            self._known[to] = error
        return self._known[to]
