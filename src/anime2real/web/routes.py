"""The routes of the page and of the API."""

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final

from fastapi import Depends, FastAPI, Request, Response
from fastapi.security import HTTPBearer

from anime2real import __version__
from anime2real.bundle.about import ABOUT
from anime2real.web import schemas
from anime2real.web.admission import work_of
from anime2real.web.guide import guide
from anime2real.web.problem import HttpProblem
from anime2real.web.request import FIELDS, parse_request
from anime2real.web.schemas import NOTES_HEADER
from anime2real.web.service import MAX_TRANSLATIONS, PreparedPicture, Result, unmarked_png
from anime2real.web.state import Server
from anime2real.web.upload import read_upload

PAGE: Final = Path(__file__).parent / "page"


def add_routes(app: FastAPI, server: Server) -> None:
    """Add the page's routes and the API's to an application."""
    secured: list[Any] = [Depends(HTTPBearer(auto_error=False))] if server.settings.token is not None else []
    problems, any_problems = (
        {status: text for status, text in known.items() if status != 401 or secured}
        for known in (schemas.PROBLEMS, schemas.ANY_PROBLEMS)
    )
    page = (PAGE / "index.html").read_bytes()

    @app.get("/", include_in_schema=False)
    async def index() -> Response:
        return Response(page, media_type="text/html")

    @app.get("/api", include_in_schema=False)
    async def api_guide(request: Request) -> Response:
        return Response(guide(app.openapi(), str(request.base_url)), media_type="text/html")

    @app.get("/favicon.ico", include_in_schema=False)
    async def icon() -> Response:
        return Response((PAGE / "icon.svg").read_bytes(), media_type="image/svg+xml")

    @app.get("/healthz", tags=["server"], summary="Whether the server works", responses=any_problems)
    async def health() -> schemas.HealthOut:
        return schemas.HealthOut(status="ok", version=__version__, waiting=len(server.queue))

    @app.get(
        "/v1/methods", tags=["pictures"], summary="The methods and the limits", dependencies=secured,
        responses=any_problems,
    )  # fmt: skip
    async def methods() -> schemas.MethodsOut:
        defaults, settings = server.service.defaults(), server.settings
        rows = [
            schemas.MethodOut(
                method=b.method, source=b.source, to=b.target, px=b.px, megabytes=round(b.size_bytes / 1e6, 2),
                sha256=b.sha256, licence=b.licence, default=(b.method, b.target) in defaults,
                variants=b.variants, ages=b.ages if b.takes_who else None,
                about=ABOUT.get(b.method, ""), rights=b.rights,
            )
            for b in server.service.bundles
        ]  # fmt: skip
        limits: dict[str, float] = {"max_bytes": settings.max_bytes, "max_pixels": settings.max_pixels}
        limits |= {"max_faces": MAX_TRANSLATIONS, "timeout_seconds": settings.timeout_seconds}
        return schemas.MethodsOut(methods=rows, limits=limits)

    @app.post(
        "/v1/faces", tags=["pictures"], summary="The faces in a picture", dependencies=secured,
        responses=problems, openapi_extra=schemas.FACES_FORM,
    )  # fmt: skip
    async def faces(request: Request) -> schemas.FacesOut:
        async with read_upload(request, server.settings, server.body_bytes, frozenset()) as form:
            pixels = await server.pixels(form)
            with server.queue.admit(work_of(pixels)):
                return await server.run_while_connected(request, server.faces(form, pixels))

    @app.post(
        "/v1/translate", tags=["pictures"], summary="Translate the faces in a picture", dependencies=secured,
        response_model=schemas.TranslateOut, openapi_extra=schemas.TRANSLATE_FORM,
        description=(
            "One result (one face or `layout=paste`, by one method) is a PNG; several are JSON. "
            "`Accept: application/json` makes it JSON in any case."
        ),
        responses=problems | {
            200: {"content": {"image/png": {"schema": {"type": "string", "format": "binary"}}},
                  "headers": {NOTES_HEADER: {"schema": {"type": "string"}, "description": "of a PNG that comes with "
                              "notes: a JSON list of lines"}}},
            406: {"model": schemas.ProblemOut, "description": "several results, and the client accepts only a PNG"},
        },
    )  # fmt: skip
    async def translate(request: Request, accept: Annotated[str, Depends(_accepted_type)]) -> Response:
        async with read_upload(request, server.settings, server.body_bytes, FIELDS) as form:
            names = sorted({bundle.method for bundle in server.service.bundles})
            asked = parse_request(form, names)
            as_json = asked.several or accept == "application/json"
            if asked.several and accept == "image/png":
                raise HttpProblem(406, "several pictures do not fit into one PNG: accept application/json")
            methods = len(names) if "all" in asked.methods else max(1, len(asked.methods), len(asked.replacements))
            pixels = await server.pixels(form)
            with server.queue.admit(work_of(pixels, methods)):
                prepared, results = await server.run_while_connected(request, server.translate(form, asked, pixels))
        if not as_json:
            headers = {"Content-Disposition": f'inline; filename="{results[0].method}-{prepared.to}.png"'}
            headers |= {NOTES_HEADER: json.dumps(prepared.notes)} if prepared.notes else {}
            return Response(results[0].png, media_type="image/png", headers=headers)
        return Response(await server.run_in_thread(_as_json, prepared, results), media_type="application/json")


def _accepted_type(request: Request) -> str:
    """`application/json` or `image/png` if the client accepts only one of them, else an empty string."""
    accepted = {part.partition(";")[0].strip().lower() for part in request.headers.get("accept", "*/*").split(",")}
    named = [kind for kind in ("application/json", "image/png") if kind in accepted]
    return named[0] if len(named) == 1 and not accepted & {"*/*", "image/*"} else ""


def _as_json(prepared: PreparedPicture, results: Sequence[Result]) -> str:
    answer = schemas.TranslateOut(
        to=prepared.to, layout=prepared.layout, notes=list(prepared.notes),
        results=[
            schemas.ResultOut(
                method=result.method, faces=list(result.faces), size=result.size, png=_base64(result.png),
                input_png=None if result.before is None else _base64(unmarked_png(result.before)),
            )
            for result in results
        ],
    )  # fmt: skip
    return answer.model_dump_json()


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
