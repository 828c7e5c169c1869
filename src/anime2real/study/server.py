"""The study's page and its API: raters come, see pairs, answer, and go on later where they stopped.

Needs the extra `web`. Nothing is kept of anybody but the answers, under a random word.
"""

import functools
import io
import secrets
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from PIL import Image
from pydantic import BaseModel, Field
from starlette.middleware.base import RequestResponseEndpoint
from starlette.staticfiles import StaticFiles

from anime2real import __version__
from anime2real.errors import UserError
from anime2real.study.answers import Answers
from anime2real.study.trials import PICTURES, Plan, StudyError, Trial
from anime2real.web.middleware import SECURITY_HEADERS

PAGE: Final = Path(__file__).parent / "page"
LONGEST: Final = 24 * 3600 * 1000
"""Milliseconds that an answer may have taken."""

Rater = Annotated[str, Field(pattern="^[0-9a-f]{16}$", description="the word that POST /v1/raters gave")]


class Asked(BaseModel):
    """Who asks for a trial."""

    rater: Rater


class Answered(BaseModel):
    """An answer, in the order in which the pictures were shown."""

    rater: Rater
    trial: Annotated[str, Field(max_length=32)]
    chosen: Annotated[int, Field(ge=0, le=1)]
    milliseconds: Annotated[int, Field(ge=0, le=LONGEST)]


def question(trial: Trial) -> str:
    """What is asked about a trial."""
    if trial.kind == "real":
        return "Which one is a real photograph?" if trial.to == "real" else "Which one was drawn by a person?"
    return "Which one looks more like a photograph?" if trial.to == "real" else "Which one is the better drawing?"


def create(plan: Plan) -> FastAPI:
    """The application for one study."""
    answers = Answers(plan)
    app = FastAPI(title="anime2real study", version=__version__, docs_url=None, redoc_url=None)
    known = {side.picture for trial in plan.trials for side in trial.sides}

    @functools.lru_cache(maxsize=512)
    def bare(name: str) -> bytes:
        # Pixels alone: the mark of a generated picture would tell whoever looks into the file.
        buffer = io.BytesIO()
        with Image.open(plan.folder / PICTURES / name) as picture:
            Image.fromarray(np.asarray(picture.convert("RGB"))).save(buffer, "PNG")
        return buffer.getvalue()

    @app.middleware("http")
    async def guard(request: Request, answer: RequestResponseEndpoint) -> Response:
        response = await answer(request)
        response.headers.update({**SECURITY_HEADERS, "Cache-Control": "no-store"})
        return response

    @app.exception_handler(UserError)
    async def refused(request: Request, error: UserError) -> JSONResponse:
        del request
        return JSONResponse({"error": str(error)}, status_code=400)

    @app.exception_handler(RequestValidationError)
    async def malformed(request: Request, error: RequestValidationError) -> JSONResponse:
        del request
        first = error.errors()[0]
        place = ".".join(str(step) for step in first["loc"][1:])
        return JSONResponse({"error": f"{place or 'the request'}: {first['msg']}"}, status_code=422)

    @app.post("/v1/raters")
    def new_rater() -> dict[str, str]:
        """A random word for somebody who begins."""
        return {"rater": secrets.token_hex(8)}

    @app.post("/v1/next")
    def next_trial(asked: Asked) -> dict[str, Any]:
        """The rater's next pair; `trial` is null when all are answered."""
        following = answers.next(asked.rater)
        total = len(plan.trials)
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
    def answer(answered: Answered) -> dict[str, bool]:
        """Keep an answer; the first one to a trial counts."""
        swapped = {trial.name: swapped for trial, swapped in plan.for_rater(answered.rater)}
        if answered.trial not in swapped:
            raise StudyError("there is no such trial in this study: load the page again")
        chosen = 1 - answered.chosen if swapped[answered.trial] else answered.chosen
        return {"new": answers.record(answered.rater, answered.trial, chosen, answered.milliseconds)}

    @app.get("/pictures/{name}")
    def picture(name: str) -> Response:
        """A picture of a trial, without metadata."""
        if name not in known:
            return JSONResponse({"error": "there is no such picture in this study"}, status_code=404)
        return Response(bare(name), media_type="image/png")

    app.mount("/", StaticFiles(directory=PAGE, html=True))
    return app
