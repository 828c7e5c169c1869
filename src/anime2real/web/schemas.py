"""What the API takes and gives, for OpenAPI."""

from typing import Any, Final, Literal

from pydantic import BaseModel, Field

from anime2real.bundle.format import MOST_VARIANTS
from anime2real.domain import Domain


class FaceOut(BaseModel):
    """A face; numbers are px of the upright picture, pixel centres at whole numbers + 0.5."""

    box: tuple[float, float, float, float] = Field(
        description="left, top, right, bottom of the crop, if it stood upright"
    )
    landmarks: list[tuple[float, float]] = Field(
        description="left eye, right eye, nose, left and right mouth corner, as seen"
    )
    tilt_degrees: float = Field(description="the eye line against the horizontal, clockwise on screen")
    domain: Domain
    score: float = Field(ge=0, le=1, description="how sure it is that this is a face")


class FacesOut(BaseModel):
    """The faces in a picture."""

    size: tuple[int, int] = Field(description="width and height, px, of the upright picture")
    format: str
    faces: list[FaceOut] = Field(description="the largest first; their places are the `face` of /v1/translate")
    notes: list[str]


class ResultOut(BaseModel):
    """One result."""

    method: str
    faces: list[int | None] = Field(description="those in it, by number; null for the centre square")
    size: tuple[int, int] = Field(description="width and height, px")
    png: str = Field(description="the file, base64, marked as generated (XMP trainedAlgorithmicMedia)")
    input_png: str | None = Field(description="the crop that went in, base64, not marked; null for layout=paste")


class TranslateOut(BaseModel):
    """Everything that was asked for."""

    to: Domain
    layout: Literal["face", "pair", "paste"]
    results: list[ResultOut] = Field(description="a method at a time, in it a face at a time")
    notes: list[str]


class MethodOut(BaseModel):
    """A translator."""

    method: str
    source: Domain = Field(serialization_alias="from")
    to: Domain
    px: int
    megabytes: float
    sha256: str
    licence: str
    default: bool
    variants: int = Field(description="results that it can make of one face; the field `variant` chooses")


class MethodsOut(BaseModel):
    """What is offered, and what is allowed."""

    methods: list[MethodOut]
    limits: dict[str, float] = Field(description="max_bytes, max_pixels, max_faces, timeout_seconds")


class HealthOut(BaseModel):
    """That it works, and how busy it is."""

    status: Literal["ok"]
    version: str
    waiting: int = Field(description="requests with work to do")


class Problem(BaseModel):
    """What went wrong and what to do, in one line."""

    error: str


_PICTURE: Final = {
    "type": "string", "format": "binary", "description": "JPEG, PNG, WebP, AVIF or GIF, the file itself",
}  # fmt: skip


def form(fields: dict[str, Any]) -> dict[str, Any]:
    """An OpenAPI request body: multipart, one picture and `fields`."""
    schema = {
        "type": "object", "required": ["picture"], "additionalProperties": False,
        "properties": {"picture": _PICTURE, **fields},
    }  # fmt: skip
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}


FACES_FORM: Final = form({})
TRANSLATE_FORM: Final = form(
    {
        "to": {
            "type": "string", "enum": ["auto", "anime", "real"], "default": "auto",
            "description": "auto: the domain that the (first) face is not of",
        },
        "method": {
            "type": "array", "items": {"type": "string"},
            "description": "names of /v1/methods, the field repeated for several; `all`; the best one if not given",
        },
        "face": {
            "type": "string", "pattern": "^([0-9]+|all|centre)$", "default": "0",
            "description": "a number, the largest face is 0; all; or centre, the centre square taken for a face",
        },
        "layout": {
            "type": "string", "enum": ["face", "pair", "paste"], "default": "face",
            "description": "the face alone; beside what went in; pasted back into the picture",
        },
        "variant": {
            "type": "integer", "minimum": 0, "maximum": MOST_VARIANTS - 1, "default": 0,
            "description": "which result, of methods that make several: 0 is the usual one",
        },
    }
)  # fmt: skip

PROBLEMS: Final[dict[int | str, dict[str, Any]]] = {
    status: {"model": Problem, "description": text}
    for status, text in (
        (400, "a field is wrong"),
        (401, "the token is missing or wrong"),
        (403, "another site's page asks"),
        (408, "the picture comes too slowly"),
        (413, "the picture has too many bytes"),
        (415, "the body is no multipart form"),
        (421, "the server does not go by that name"),
        (422, "the picture cannot be read, or there is no such face"),
        (429, "too many are waiting: come back after Retry-After seconds"),
        (504, "the work took too long"),
    )
}
