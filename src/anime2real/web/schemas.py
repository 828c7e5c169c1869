"""The bodies of the API's requests and responses, as OpenAPI describes them."""

from typing import Any, Final, Literal

from pydantic import BaseModel, Field

from anime2real.bundle.limits import MOST_VARIANTS
from anime2real.domain import Domain

NOTES_HEADER: Final = "X-Anime2real-Notes"
"""Where a PNG answer says what the `notes` of a JSON answer say: a JSON list of lines."""


class FaceOut(BaseModel):
    """A face; numbers are px of the upright picture, pixel centres at whole numbers + 0.5."""

    box: tuple[float, float, float, float] = Field(description="left, top, right, bottom of the crop, turned upright")
    landmarks: list[tuple[float, float]] = Field(
        description="left eye, right eye, nose, left and right mouth corner, as seen"
    )
    tilt_degrees: float = Field(description="angle of the eye line to the horizontal, positive clockwise on screen")
    domain: Domain
    score: float = Field(ge=0, le=1, description="how certain the finder is that this is a face")


class FacesOut(BaseModel):
    """The faces in a picture."""

    size: tuple[int, int] = Field(description="width and height, px, of the upright picture")
    format: str
    faces: list[FaceOut] = Field(description="the largest first; the position is the `face` of /v1/translate")
    notes: list[str]


class ResultOut(BaseModel):
    """One result of POST /v1/translate."""

    method: str
    faces: list[int | None] = Field(description="the numbers of the faces in it; null for the centre square")
    size: tuple[int, int] = Field(description="width and height, px")
    png: str = Field(description="the file, base64, marked as generated (XMP trainedAlgorithmicMedia)")
    input_png: str | None = Field(description="the crop that went in, base64, not marked; null for layout=paste")


class TranslateOut(BaseModel):
    """The results of POST /v1/translate."""

    to: Domain
    layout: Literal["face", "pair", "paste"]
    results: list[ResultOut] = Field(description="for each method, for each face")
    notes: list[str]


class MethodOut(BaseModel):
    """A translator that the server offers."""

    method: str
    source: Domain = Field(serialization_alias="from")
    to: Domain
    px: int
    megabytes: float
    sha256: str
    licence: str = Field(description="of the weights")
    rights: str = Field(description="why, in a sentence")
    about: str = Field(description="what the method is, in a sentence")
    default: bool
    variants: int = Field(description="how many results it can make of one face; the field `variant` chooses")
    ages: tuple[float, float] | None = Field(
        description="for methods that take the field `who`: the youngest and the oldest that they draw; else null"
    )


class MethodsOut(BaseModel):
    """The methods that the server offers, and its limits."""

    methods: list[MethodOut]
    limits: dict[str, float] = Field(description="max_bytes, max_pixels, max_faces, timeout_seconds")


class HealthOut(BaseModel):
    """That the server works, and how busy it is."""

    status: Literal["ok"]
    version: str
    waiting: int = Field(description="requests that wait or are in work")


class ProblemOut(BaseModel):
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
            "description": "auto: the domain that the (first) face does not belong to",
        },
        "method": {
            "type": "array", "items": {"type": "string"},
            "description": "names from /v1/methods, the field repeated for several; `all`; the best one if not given",
        },
        "face": {
            "type": "string", "pattern": "^([0-9]+|all|centre)$", "default": "0",
            "description": "a number, the largest face is 0; all; or centre, which takes the centre square for a face",
        },
        "box": {
            "type": "string", "pattern": "^(-?[0-9.]+,){3}-?[0-9.]+$", "examples": ["120,80,360,320"],
            "description": "in the place of face: left,top,right,bottom, px, of a face that is not found",
        },
        "layout": {
            "type": "string", "enum": ["face", "pair", "paste"], "default": "face",
            "description": "the face alone; beside the crop that went in; pasted back into the picture",
        },
        "variant": {
            "type": "integer", "minimum": 0, "maximum": MOST_VARIANTS - 1, "default": 0,
            "description": "which result, for methods that make several: 0 is the usual one",
        },
        "who": {
            "type": "string", "default": "auto", "examples": ["man, 25"],
            "description": "who to show, for methods with `ages`: man or woman, an age from 18 to 80, or both, as "
            "'man, 25'; auto, as the picture has it",
        },
        "redraw": {
            "type": "string", "enum": ["true", "false"], "default": "true",
            "description": "false: results are not drawn again, where the method does so (galatea, to real); more "
            "faces are broken, 2.5 times as fast",
        },
        "replace": {
            "type": "string", "contentMediaType": "application/json",
            "examples": ['[{"face": 0}, {"face": 1, "method": "cyclegan", "to": "real"}, {"box": "120,80,360,320"}]'],
            "description": "with layout=paste, in the place of all other fields but redraw: several faces, each in its "
            "own way; a JSON list of objects with face or box, and to, method, variant, who",
        },
    }
)  # fmt: skip

PROBLEMS: Final[dict[int | str, dict[str, Any]]] = {
    status: {"model": ProblemOut, "description": text}
    for status, text in (
        (400, "a field is wrong"),
        (401, "the token is missing or wrong"),
        (403, "the request comes from another site's page"),
        (408, "the picture arrives too slowly"),
        (413, "the picture has too many bytes"),
        (415, "the body is not a multipart form"),
        (421, "the server does not go by that name"),
        (422, "the picture cannot be read, or there is no such face"),
        (500, "something broke on the server: its log says what"),
        (503, "too many requests are waiting: try again after Retry-After seconds"),
        (504, "the work took longer than the timeout"),
    )
}

ANY_PROBLEMS: Final = {status: PROBLEMS[status] for status in (401, 421, 500)}
"""What a request without a picture may be answered with."""
