"""What a client wishes: the fields beside the picture, read and checked."""

from dataclasses import dataclass
from typing import Final, Literal, get_args

from anime2real.bundle import UnknownMethodError, find, shipped
from anime2real.domain import DOMAINS, Domain
from anime2real.translate import Layout
from anime2real.translator import Crop
from anime2real.web.intake import Form
from anime2real.web.refusal import Refusal

ALL: Final = "all"
FIELDS: Final = frozenset(("to", "method", "face", "layout", "crop"))


@dataclass(frozen=True)
class Wishes:
    """How a picture is to be translated.

    Attributes:
        to: the domain; the one that the chosen face is not of if None.
        method: one that ships, the best if None; `all` for each.
        face: place in the list of faces, the largest is 0; or `all`.
        layout: as `Options.layout`.
        crop: as `Options.crop`.
    """

    to: Domain | None = None
    method: str | None = None
    face: int | Literal["all"] = 0
    layout: Layout = "face"
    crop: Crop = "face"

    @property
    def several(self) -> bool:
        """Whether more than one picture may come of it, whatever the picture shows."""
        return self.method == ALL or (self.face == ALL and self.layout != "paste" and self.crop == "face")

    def methods(self, to: Domain) -> list[str]:
        """The names of the methods to run.

        Raises:
            Refusal: 422, no such method ships in this direction.
        """
        if self.method == ALL:
            names = [bundle.method for bundle in shipped() if bundle.target == to]
            if not names:
                raise Refusal(422, f"no method to {to} comes with this installation")
            return names
        try:
            return [find(self.method, to).method]
        except UnknownMethodError as error:
            raise Refusal(422, str(error)) from error


def wishes(form: Form) -> Wishes:
    """The fields of a form.

    Raises:
        Refusal: 422, a field has a value that it cannot have, or 400, it comes twice.
    """
    to = form.one("to", "auto")
    method = form.one("method", "") or None
    if method not in (None, ALL) and len(method or "") > 64:
        raise Refusal(422, "method must be the name of one that ships, or all")
    face = form.one("face", "0")
    if face != ALL and not (face.isascii() and face.isdigit() and len(face) <= 4):
        raise Refusal(422, f"face must be a number from 0, the largest, or all: not {face[:40]!r}")
    chosen: int | Literal["all"] = "all" if face == "all" else int(face)
    domains: dict[str, Domain] = {name: name for name in DOMAINS}
    layouts: dict[str, Layout] = {name: name for name in get_args(Layout)}
    crops: dict[str, Crop] = {name: name for name in get_args(Crop)}
    return Wishes(
        _among("to", to, {"auto": None, **domains}), method, chosen,
        _among("layout", form.one("layout", "face"), layouts), _among("crop", form.one("crop", "face"), crops),
    )  # fmt: skip


def _among[T](name: str, value: str, allowed: dict[str, T]) -> T:
    if value not in allowed:
        raise Refusal(422, f"{name} must be {', '.join(allowed)}: not {value[:40]!r}")
    return allowed[value]
