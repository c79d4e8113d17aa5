"""What every route shares: how a request is read, and how it is refused in one clear sentence."""

from __future__ import annotations

import json
import re
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse

from hrpro.core.errors import HRProError

CLIENT_HEADER, PROJECT_HEADER = "X-Hrpro-Client", "X-Hrpro-Project"
ID = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")


class Refused(Exception):
    """A request that is not done: HTTP status, one word for programs, one sentence for people.

    current: at a conflict, the thing as it is now (a Change as JSON).
    """

    def __init__(self, status: int, error: str, message: str, current: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.status, self.error, self.message, self.current = status, error, message, current

    def as_dict(self) -> dict[str, Any]:
        """The answer's JSON."""
        more = {} if self.current is None else {"current": self.current}
        return {"error": self.error, "message": self.message, **more}


def invalid(message: str) -> Refused:
    """What was sent cannot be right, whatever the project holds: 422."""
    return Refused(422, "invalid", message)


def missing(message: str) -> Refused:
    """There is no such thing: 404."""
    return Refused(404, "missing", message)


def client_of(request: Request) -> str:
    """Who asks for a change; Refused without the header, which no page elsewhere can make a browser send.

    Refused too, if a project is named and another one is open: a page left open at this address speaks of it.
    """
    client = request.headers.get(CLIENT_HEADER, "")
    if not ID.match(client):
        raise Refused(
            400, "client", f"The header {CLIENT_HEADER} must name the client: 1 to 64 of A-Z a-z 0-9 _ -."
        )
    named = request.headers.get(PROJECT_HEADER)
    if named is not None and named != request.app.state.studio.project.id:
        raise Refused(409, "project", "Another project is open at this address now; nothing was changed.")
    return client


async def read_body(request: Request) -> dict[str, Any]:
    """The JSON object that was sent (nothing counts as {}); Refused if it is anything else."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Refused(415, "type", "Send JSON, with Content-Type: application/json.")
    content = await request.body()
    try:
        body = json.loads(content.decode("utf-8") or "{}", parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise invalid("What was sent is not JSON.") from None
    if not isinstance(body, dict):
        raise invalid("A JSON object is expected.")
    return body


def _no_number(word: str) -> float:
    raise ValueError(word)


def answer_refused(request: Request, error: Exception) -> JSONResponse:
    """For ``Refused``."""
    assert isinstance(error, Refused)
    return JSONResponse(error.as_dict(), error.status)


def answer_bad_input(request: Request, error: Exception) -> JSONResponse:
    """For ``HRProError``: its words without its place, which may be a path outside the project."""
    assert isinstance(error, HRProError)
    message = error.what if error.mend is None else f"{error.what} ({error.mend})"
    return JSONResponse({"error": "problem", "message": message}, 422)
