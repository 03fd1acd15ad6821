"""Errors as REST shows them: one shape for all, and the HTTP status of their code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match

from chaingraph.api.failures import describe
from chaingraph.errors import InvalidFlow, TooManyCalls
from chaingraph.trpc.codes import CODES
from chaingraph.trpc.transformer import write_json

JSON: Final = "application/json"
_MEANINGS: Final[Mapping[str, str]] = {
    "BAD_REQUEST": "The input cannot be used, or the status does not allow the command",
    "UNAUTHORIZED": "The caller is not known: the token is missing, wrong, over or revoked",
    "FORBIDDEN": "It belongs to another owner, or the caller's token or role is not good for it",
    "NOT_FOUND": "There is no such flow or execution",
    "CONFLICT": "The idempotency key was used before with other input",
    "PRECONDITION_FAILED": "The server has no key for the secrets that it was given",
    "PAYLOAD_TOO_LARGE": "The body, or a value in it, is over the limit",
    "UNSUPPORTED_MEDIA_TYPE": "The body is not `application/json`",
    "TOO_MANY_REQUESTS": "Too many calls of this caller; `Retry-After` says when to try again",
    "INTERNAL_SERVER_ERROR": "Something broke; the log of the server has it",
    "SERVICE_UNAVAILABLE": "The database did not answer in time; try again with the same key",
}
_ALWAYS: Final = (
    "BAD_REQUEST",
    "UNAUTHORIZED",
    "TOO_MANY_REQUESTS",
    "INTERNAL_SERVER_ERROR",
    "SERVICE_UNAVAILABLE",
)


class Problem(BaseModel):
    code: str
    message: str
    problems: list[str] = []
    """Each thing that is wrong with the input, where there may be several."""


class Failure(BaseModel):
    """What every refusal answers."""

    error: Problem


class Refused(Exception):
    """Whatever went wrong in a call; its cause says what."""

    def __init__(self, error: Exception) -> None:
        self.error = error


def failures(*codes: str) -> dict[int | str, dict[str, Any]]:
    """How an operation may fail beside what may always happen, as OpenAPI has it."""
    return {
        CODES[code].status: {"model": Failure, "description": _MEANINGS[code]}
        for code in (*_ALWAYS, *codes)
    }


async def answer_refused(request: Request, refused: Exception) -> Response:
    assert isinstance(refused, Refused)
    error = refused.error
    failure = describe(error)
    problems: list[str] = []
    message = failure.message
    if isinstance(error, ValidationError):
        problems = _problems(error.errors(include_url=False, include_context=False))
        message = _counted(problems)
    elif isinstance(error, InvalidFlow):
        problems = list(error.problems)
    return _answer(failure.status, failure.code, message, problems, _headers(error, failure.code))


def _headers(error: Exception, code: str) -> Mapping[str, str]:
    if isinstance(error, TooManyCalls):
        return {"retry-after": str(error.seconds)}
    return {"www-authenticate": "Bearer"} if code == "UNAUTHORIZED" else {}


async def answer_unreadable(request: Request, error: Exception) -> Response:
    """Parameters of the wrong shape: 400, as for all other input."""
    assert isinstance(error, RequestValidationError)
    problems = _problems(error.errors())
    return _answer(400, "BAD_REQUEST", _counted(problems), problems)


async def answer_http(request: Request, error: Exception) -> Response:
    """What the routing refuses: an unknown path, a method that it has not."""
    assert isinstance(error, HTTPException)
    names = {code.status: name for name, code in CODES.items()}
    name = names.get(error.status_code, "BAD_REQUEST")
    headers = {"allow": _allowed(request)} if error.status_code == 405 else error.headers
    return _answer(error.status_code, name, str(error.detail), (), headers)


def _allowed(request: Request) -> str:
    """What the path has, in whichever route."""
    routes = [
        each for each in request.app.routes if each.matches(request.scope)[0] is Match.PARTIAL
    ]
    return ", ".join(sorted({method for each in routes for method in each.methods}))


def error_json(code: str, message: str, problems: object = ()) -> dict[str, Any]:
    listed = {"problems": problems} if problems else {}
    return {"error": {"code": code, "message": message, **listed}}


def _answer(
    status: int,
    code: str,
    message: str,
    problems: object = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    content = write_json(error_json(code, message, problems))
    return Response(content, status, headers, media_type=JSON)


def _problems(issues: Any) -> list[str]:
    return [f"{_place(each['loc'])}: {each['msg']}" for each in issues]


def _place(loc: tuple[str | int, ...]) -> str:
    return ".".join(map(str, loc)) or "the input"


def _counted(problems: list[str]) -> str:
    what = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    return f"The input has {what}: " + "; ".join(problems)
