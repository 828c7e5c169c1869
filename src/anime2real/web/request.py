"""What a client asks for, read from the fields of its form."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final, Literal, cast, get_args

from anime2real.bundle.format import MOST_VARIANTS, Bundle
from anime2real.domain import DOMAINS, Domain, other
from anime2real.errors import nearest
from anime2real.translate_files import Layout
from anime2real.web.errors import Refusal
from anime2real.web.upload import Form

FIELDS: Final = frozenset(("to", "method", "face", "layout", "variant"))
MAX_FACE: Final = 9999


@dataclass(frozen=True)
class Order:
    """What to make of a picture.

    Attributes:
        to: the domain to translate to; None for the one that the face is not of.
        methods: by which, each once; empty for the best one; `all` for every one that goes there.
        face: which, the largest is 0; `all`; or `centre`, the centre square taken for a face.
        layout: each face alone, beside what went in, or all pasted back into the picture.
        variant: which result of each face: 0 is the usual one.
    """

    to: Domain | None
    methods: tuple[str, ...]
    face: int | Literal["all", "centre"]
    layout: Layout
    variant: int = 0

    @property
    def several(self) -> bool:
        """Whether more than one picture may come of it."""
        faces = self.face == "all" and self.layout != "paste"
        return faces or len(self.methods) > 1 or "all" in self.methods

    def direction(self, domain: Domain | None) -> Domain:
        """The domain to translate to, for a face of a domain; None if there is no telling."""
        if self.to is None and domain is None:
            raise Refusal(400, "face=centre does not tell drawings from photographs: give to=real or to=anime")
        return self.to or other(cast(Domain, domain))

    def bundles(self, offered: Iterable[Bundle], default: str | None, to: Domain) -> list[Bundle]:
        """Those of `offered` that are asked for, in the order asked.

        Raises:
            Refusal: 400, one of them does not go to `to`, or makes one result of a picture where another is wanted.
        """
        there = {bundle.method: bundle for bundle in offered if bundle.target == to}
        if default is None or not there:
            raise Refusal(400, f"nothing here translates to {to}: GET /v1/methods lists what there is")
        names = list(there) if "all" in self.methods else list(self.methods or (default,))
        for name in names:
            if name not in there:
                raise Refusal(400, f"method {name!r} does not translate to {to}: there are {', '.join(there)}")
            if self.variant and there[name].variants == 1:
                raise Refusal(400, f"method {name!r} makes one result of a picture: leave variant out")
        return [there[name] for name in names]


def read_order(form: Form, methods: Collection[str]) -> Order:
    """The order in a form.

    Args:
        form: its fields, `FIELDS`, none of which must be there.
        methods: the names that there are.

    Raises:
        Refusal: 400, a value is none of those allowed.
    """
    to = _choice("to", form.one("to", "auto"), ("auto", *DOMAINS))
    layout = _choice("layout", form.one("layout", "face"), get_args(Layout))
    asked = tuple(dict.fromkeys(_choice("method", name, (*methods, "all")) for name in form.fields.get("method", [])))
    face = form.one("face", "0")
    if face not in ("all", "centre") and not (face.isascii() and face.isdecimal() and int(face[:9]) <= MAX_FACE):
        raise Refusal(400, f"face is {face[:40]!r}: give a number, 0 for the largest face, or 'all' or 'centre'")
    variant = form.one("variant", "0")
    if not (variant.isascii() and variant.isdecimal() and len(variant) < 3 and int(variant) < MOST_VARIANTS):
        raise Refusal(
            400, f"variant is {variant[:40]!r}: give a number from 0, the usual result, to {MOST_VARIANTS - 1}"
        )
    return Order(
        None if to == "auto" else cast(Domain, to),
        asked,
        cast(Literal["all", "centre"], face) if face in ("all", "centre") else int(face),
        cast(Layout, layout),
        int(variant),
    )


def _choice(name: str, value: str, allowed: Collection[str]) -> str:
    if value not in allowed:
        raise Refusal(
            400, f"{name} is {value[:40]!r}{nearest(value[:40], list(allowed))}: give one of {', '.join(allowed)}"
        )  # fmt: skip
    return value
