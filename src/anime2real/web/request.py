"""What a client asks for: the fields of its form, parsed and checked."""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal, cast, get_args

from anime2real.bundle.format import Bundle
from anime2real.bundle.limits import MOST_VARIANTS
from anime2real.domain import DOMAINS, Domain, other
from anime2real.errors import nearest
from anime2real.face.who import AS_SEEN, AUTO, Who, WhoError, parse_who
from anime2real.pipeline import Layout
from anime2real.web.problem import HttpProblem
from anime2real.web.upload import UploadForm

FIELDS: Final = frozenset(("to", "method", "face", "box", "layout", "variant", "who", "replace", "redraw"))
PARTS: Final = frozenset(("to", "method", "face", "box", "variant", "who"))
"""What an entry of `replace` may say."""

Box = tuple[float, float, float, float]
"""Left, top, right and bottom, px of the upright picture."""

MAX_FACE: Final = 9999
MIN_BOX: Final = 8
MAX_BOX: Final = 1e6


@dataclass(frozen=True)
class Part:
    """One face of a request, and what becomes of it; its attributes are those of `TranslateRequest`."""

    to: Domain | None
    method: str | None
    face: int | Literal["all", "centre"]
    box: Box | None
    variant: int
    who: Who


@dataclass(frozen=True)
class TranslateRequest:
    """What POST /v1/translate is asked for.

    Attributes:
        to: the domain to translate to; None for the one that the face does not belong to.
        methods: the methods' names, each once; empty for the best one; `all` for every one that translates to `to`.
        face: the number of a face, the largest is 0; `all`; or `centre`, which takes the centre square for a face.
        layout: each face alone, beside the crop that went in, or all pasted back into the picture.
        variant: which result of each face: 0 is the usual one.
        who: who the results should show.
        box: in the place of `face`: where the one face is, if the finder does not see it.
        replacements: in the place of all that: faces that are pasted into the picture, each in its own way.
        redraws: whether results are redrawn, by methods that do so.
    """

    to: Domain | None
    methods: tuple[str, ...]
    face: int | Literal["all", "centre"]
    layout: Layout
    variant: int = 0
    who: Who = AS_SEEN
    box: Box | None = None
    replacements: tuple[Part, ...] = ()
    redraws: bool = True

    @property
    def several(self) -> bool:
        """Whether the answer may hold more than one picture."""
        faces = self.face == "all" and self.layout != "paste"
        return faces or len(self.methods) > 1 or "all" in self.methods

    def direction(self, domain: Domain | None) -> Domain:
        """The domain to translate to.

        Args:
            domain: of the face; None if that is not known.

        Raises:
            HttpProblem: 400, neither the request nor the face tells.
        """
        if self.to is None and domain is None:
            raise HttpProblem(400, "no face tells drawings from photographs here: give to=real or to=anime")
        return self.to or other(cast(Domain, domain))

    def bundles(self, offered: Iterable[Bundle], default: str | None, to: Domain) -> list[Bundle]:
        """The bundles that are asked for, in the order asked.

        Args:
            offered: all bundles of the server.
            default: the method to use if the request names none.
            to: the domain to translate to.

        Raises:
            HttpProblem: 400, a method does not translate to `to`, or takes no variant or no `who` though asked.
        """
        available = {bundle.method: bundle for bundle in offered if bundle.target == to}
        if default is None or not available:
            raise HttpProblem(400, f"nothing here translates to {to}: GET /v1/methods lists what there is")
        names = list(available) if "all" in self.methods else list(self.methods or (default,))
        for name in names:
            if name not in available:
                raise HttpProblem(400, f"method {name!r} does not translate to {to}: there are {', '.join(available)}")
            if self.variant and available[name].variants == 1:
                raise HttpProblem(400, f"method {name!r} makes one result of a picture: leave variant out")
            if self.who != AS_SEEN and "all" not in self.methods and not available[name].takes_who:
                raise HttpProblem(400, f"method {name!r} cannot be told who to show: leave who out")
        return [available[name] for name in names]


def parse_request(form: UploadForm, methods: Collection[str]) -> TranslateRequest:
    """The request that a form stands for.

    Args:
        form: its fields are among `FIELDS`; each may be missing.
        methods: the names of the methods that the server offers.

    Raises:
        HttpProblem: 400, a value is not one of those allowed.
    """
    layout = cast(Layout, _choice("layout", form.single("layout", "face"), get_args(Layout)))
    asked = tuple(dict.fromkeys(_choice("method", name, (*methods, "all")) for name in form.fields.get("method", [])))
    values = {name: form.single(name, "") for name in PARTS - {"method"} if name in form.fields}
    part = _part(values, methods)
    replacements: tuple[Part, ...] = ()
    if "replace" in form.fields:
        if layout != "paste" or values or asked:
            raise HttpProblem(400, "replace says all of each face: give it with layout=paste and the picture alone")
        replacements = _replacements(form.single("replace", ""), methods)
    redraws = _choice("redraw", form.single("redraw", "true"), ("true", "false")) == "true"
    return TranslateRequest(part.to, asked, part.face, layout, part.variant, part.who, part.box, replacements, redraws)


def _part(values: Mapping[str, str], methods: Collection[str]) -> Part:
    """One face and what becomes of it."""
    to = _choice("to", values.get("to", "auto"), ("auto", *DOMAINS))
    method = _choice("method", values["method"], methods) if "method" in values else None
    face = values.get("face", "0")
    if face not in ("all", "centre") and not (face.isascii() and face.isdecimal() and int(face[:9]) <= MAX_FACE):
        raise HttpProblem(400, f"face is {face[:40]!r}: give a number, 0 for the largest face, or 'all' or 'centre'")
    if "face" in values and "box" in values:
        raise HttpProblem(400, "face and box are both given: give one of them")
    variant = values.get("variant", "0")
    if not (variant.isascii() and variant.isdecimal() and len(variant) < 3 and int(variant) < MOST_VARIANTS):
        raise HttpProblem(
            400, f"variant is {variant[:40]!r}: give a number from 0, the usual result, to {MOST_VARIANTS - 1}"
        )
    try:
        who = parse_who(values.get("who", AUTO))
    except WhoError as error:
        raise HttpProblem(400, str(error)) from error
    return Part(
        None if to == "auto" else cast(Domain, to), method,
        cast(Literal["all", "centre"], face) if face in ("all", "centre") else int(face),
        _box(values["box"]) if "box" in values else None, int(variant), who,
    )  # fmt: skip


def _box(value: str) -> Box:
    try:
        left, top, right, bottom = (float(number) for number in value.split(","))
        sides = (right - left, bottom - top)
    except ValueError:
        sides = (0.0, 0.0)
    if not (min(sides) >= MIN_BOX and all(abs(number) <= MAX_BOX for number in (left, top, right, bottom))):
        raise HttpProblem(
            400, f"box is {value[:40]!r}: give left,top,right,bottom in px, sides of {MIN_BOX} px at least"
        )
    return left, top, right, bottom


def _replacements(text: str, methods: Collection[str]) -> tuple[Part, ...]:
    """The entries of the field `replace`, which is JSON: a list of objects."""
    try:
        entries = json.loads(text)
    except (ValueError, RecursionError):
        entries = None
    if not isinstance(entries, list) or not entries or not all(isinstance(entry, dict) for entry in entries):
        raise HttpProblem(400, 'replace is no JSON list of faces: give, say, [{"face": 0}, {"face": 1}]')
    parts = []
    for entry in entries:
        for name, value in entry.items():
            if name not in PARTS:
                raise HttpProblem(400, f"replace has an unknown name {name[:40]!r}{nearest(name, sorted(PARTS))}")
            if isinstance(value, bool) or not isinstance(value, str | int):
                raise HttpProblem(400, f"{name} in replace is neither text nor a whole number")
        parts.append(_part({name: str(value) for name, value in entry.items()}, methods))
    if any(part.face == "all" for part in parts):
        raise HttpProblem(400, "replace names its faces one by one: give numbers, or a box")
    return tuple(parts)


def _choice(name: str, value: str, allowed: Collection[str]) -> str:
    if value not in allowed:
        raise HttpProblem(
            400, f"{name} is {value[:40]!r}{nearest(value[:40], list(allowed))}: give one of {', '.join(allowed)}"
        )  # fmt: skip
    return value
