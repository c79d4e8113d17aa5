"""The studio's web application: every part's routes on one open project, behind the guard."""

from __future__ import annotations

import mimetypes
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, JSONResponse
from starlette.staticfiles import StaticFiles

from hrpro.core.errors import HRProError
from hrpro.studio import api, jobs_api, media, review_api
from hrpro.studio.answers import Refused, answer_bad_input, answer_refused
from hrpro.studio.door import Door
from hrpro.studio.project import Project
from hrpro.studio.security import Guard
from hrpro.studio.state import Studio

STATIC = Path(__file__).parent / "static"
# A machine's own table may call scripts plain text, and a browser then does not run them.
mimetypes.add_type("text/javascript", ".js")
mimetypes.add_type("text/css", ".css")


def create_app(project: Project, door: Door) -> FastAPI:
    """The application on ``project``, open (its ``state.studio``) until it is shut down."""
    studio = Studio.open(project)

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        yield
        studio.close()

    app = FastAPI(title="hrpro studio", docs_url=None, redoc_url=None, openapi_url=None, lifespan=life)
    app.state.studio = studio
    app.add_middleware(Guard, door=door)
    app.add_exception_handler(Refused, answer_refused)
    app.add_exception_handler(HRProError, answer_bad_input)
    app.add_exception_handler(sqlite3.OperationalError, _answer_unstored)
    app.add_exception_handler(HTTPException, _answer_http)
    app.add_exception_handler(RequestValidationError, _answer_question)
    for part in (api, media, jobs_api, review_api):
        app.include_router(part.router(studio))

    @app.get("/")
    def page() -> FileResponse:
        return FileResponse(STATIC / "index.html", media_type="text/html")

    app.mount("/static", StaticFiles(directory=STATIC))
    return app


def _answer_unstored(request: Request, error: Exception) -> JSONResponse:
    """A database that cannot be read or written: nothing was acknowledged, so the page asks again."""
    message = f"The project's database cannot be used now ({error}); nothing was changed."
    return JSONResponse({"error": "disk", "message": message}, 507)


def _answer_http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    words = {
        404: ("missing", "There is no such page here."),
        405: ("method", "This is not done that way here."),
    }
    word, message = words.get(error.status_code, ("refused", "This cannot be done."))
    return JSONResponse({"error": word, "message": message}, error.status_code, error.headers)


def _answer_question(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    name = str(first.get("loc", ("", "question"))[-1])
    message = f"{name!r} of the question: {first.get('msg', 'is wrong')}."
    return JSONResponse({"error": "invalid", "message": message}, 422)
