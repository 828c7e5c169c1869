"""The study's page and its API: raters see pairs, answer, and later continue where they stopped.

Nothing is stored about anybody but the answers, under a random word.
"""

import functools
import io
import secrets
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import quote

import numpy as np
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from PIL import Image
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from anime2real import __version__
from anime2real.errors import UserError
from anime2real.study.answers import Answers
from anime2real.study.trials import PICTURES, Study, StudyError, Trial
from anime2real.web.middleware import BodyLimitMiddleware, SecurityMiddleware
from anime2real.web.problem import HttpProblem
from anime2real.web.server import open_listener, run
from anime2real.web.settings import Settings

PAGE: Final = Path(__file__).parent / "page"
MAX_BODY_BYTES: Final = 4096
"""Of a request: an answer has some hundred bytes."""

MAX_MILLISECONDS: Final = 24 * 3600 * 1000
"""The longest time that an answer may have taken."""

Rater = Annotated[str, Field(pattern="^[0-9a-f]{16}$", description="the word that POST /v1/raters gave")]


class NextIn(BaseModel):
    """The rater who asks for a trial."""

    rater: Rater


class AnswerIn(BaseModel):
    """An answer; `chosen` counts the pictures in the order in which they were shown, and is null for "cannot tell"."""

    rater: Rater
    trial: Annotated[str, Field(max_length=32)]
    chosen: Annotated[int | None, Field(ge=0, le=1)]
    milliseconds: Annotated[int, Field(ge=0, le=MAX_MILLISECONDS)]


def question(trial: Trial) -> str:
    """The question that a trial asks."""
    if trial.kind == "real":
        return "Which one is a real photograph?" if trial.to == "real" else "Which one was drawn by a person?"
    return "Which one looks more like a photograph?" if trial.to == "real" else "Which one is the better drawing?"


def serve(study: Study, settings: Settings) -> None:
    """Serve the study's page until Ctrl-C or SIGTERM.

    Whoever is to reach it from elsewhere needs a token; one is made if none is given. The address that is printed
    carries it behind its #, which browsers send to nobody.

    Raises:
        UserError: the address cannot be listened at.
    """
    if not settings.loopback and settings.token is None:
        settings = replace(settings, token=secrets.token_urlsafe(16))
    listener = open_listener(settings.host, settings.port)
    behind = "" if settings.token is None else f"#.{quote(settings.token, safe='')}"
    announcement = f"the study is at {{address}}{behind} (Ctrl-C ends it; nothing is lost)"
    run(create_app(study, settings), settings, listener, announcement)


def create_app(study: Study, settings: Settings = Settings()) -> FastAPI:  # noqa: B008 - frozen
    """The application for one study."""
    app = FastAPI(title="anime2real study", version=__version__, docs_url=None, redoc_url=None)
    app.add_middleware(BodyLimitMiddleware, max_bytes=MAX_BODY_BYTES)
    app.add_middleware(SecurityMiddleware, settings=settings)
    _add_error_handlers(app)
    _add_routes(app, study)
    app.mount("/", StaticFiles(directory=PAGE, html=True))
    return app


def _add_error_handlers(app: FastAPI) -> None:
    @app.exception_handler(UserError)
    async def user_error(_: Request, error: UserError) -> JSONResponse:
        return (error if isinstance(error, HttpProblem) else HttpProblem(400, str(error))).response()

    @app.exception_handler(HTTPException)
    async def http_exception(_: Request, error: HTTPException) -> JSONResponse:
        return HttpProblem(error.status_code, str(error.detail)).response()

    @app.exception_handler(RequestValidationError)
    async def invalid_request(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        field = ".".join(str(step) for step in first["loc"][1:])
        return HttpProblem(422, f"{field or 'the request'}: {first['msg']}").response()


def _add_routes(app: FastAPI, study: Study) -> None:
    answers = Answers(study)
    known = {side.picture for trial in study.trials for side in trial.sides}

    @functools.lru_cache(maxsize=512)
    def png_without_metadata(name: str) -> bytes:
        # The mark of a generated picture would tell a rater who looks into the file which one is real.
        buffer = io.BytesIO()
        with Image.open(study.folder / PICTURES / name) as picture:
            Image.fromarray(np.asarray(picture.convert("RGB"))).save(buffer, "PNG")
        return buffer.getvalue()

    @app.post("/v1/raters")
    def new_rater() -> dict[str, str]:
        """A random word for a rater who begins."""
        return {"rater": answers.issue()}

    @app.get("/v1/study")
    def about() -> dict[str, int]:
        """How many pairs there are."""
        return {"total": len(study.trials)}

    @app.post("/v1/undo")
    def undo(body: NextIn) -> dict[str, bool]:
        """Forget the rater's last answer: /v1/next asks for it again."""
        return {"undone": answers.undo(body.rater)}

    @app.post("/v1/next")
    def next_trial(body: NextIn) -> dict[str, Any]:
        """The rater's next pair; `trial` is null when all are answered."""
        following = answers.next(body.rater)
        total = len(study.trials)
        if following is None:
            return {"trial": None, "done": total, "total": total}
        trial, swapped, done = following
        sides = trial.sides[::-1] if swapped else trial.sides
        pictures = [f"pictures/{side.picture}" for side in sides]
        return {
            "trial": trial.name,
            "question": question(trial),
            "pictures": pictures,
            "done": done,
            "total": total,
        }

    @app.post("/v1/answers")
    def answer(body: AnswerIn) -> dict[str, bool]:
        """Store an answer; only a rater's first answer to a trial counts, and only raters that were issued."""
        swapped = {trial.name: swapped for trial, swapped in study.for_rater(body.rater)}
        if body.trial not in swapped:
            raise StudyError("there is no such trial in this study: load the page again")
        chosen = body.chosen
        if chosen is not None and swapped[body.trial]:
            chosen = 1 - chosen
        return {"new": answers.record(body.rater, body.trial, chosen, body.milliseconds)}

    @app.get("/pictures/{name}")
    def picture(name: str) -> Response:
        """A picture of a trial, without metadata."""
        if name not in known:
            raise HttpProblem(404, "there is no such picture in this study")
        return Response(png_without_metadata(name), media_type="image/png")
