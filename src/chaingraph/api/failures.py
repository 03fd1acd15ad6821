"""What a client is told about an exception."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from chaingraph.errors import ChainGraphError
from chaingraph.trpc.codes import Failure, TRPCError

logger = logging.getLogger(__name__)


def describe(error: BaseException) -> Failure:
    """The failure to send: our own errors in their words, unexpected ones without any."""
    match error:
        case ValidationError():
            issues = error.errors(include_url=False, include_context=False)
            return Failure("BAD_REQUEST", _message(issues), {"zodError": _flatten(issues)})
        case TRPCError():
            return _plain(error.code, str(error))
        case ChainGraphError() if error.code != "INTERNAL_SERVER_ERROR":
            return _plain(error.code, str(error))
    logger.error("A call failed unexpectedly", exc_info=error)
    return _plain("INTERNAL_SERVER_ERROR", "Internal server error")


def _plain(code: str, message: str) -> Failure:
    return Failure(code, message, {"zodError": None})


def _message(issues: Iterable[ErrorDetails]) -> str:
    """The list of issues as clients expect it: JSON text, indented by two."""
    shown = [{"code": _code(each), "path": each["loc"], "message": _text(each)} for each in issues]
    return json.dumps(shown, indent=2)


def _flatten(issues: Iterable[ErrorDetails]) -> dict[str, Any]:
    """Issues by the first element of their path; those of the whole input are form errors."""
    form: list[str] = []
    fields: dict[str, list[str]] = {}
    for each in issues:
        texts = fields.setdefault(str(each["loc"][0]), []) if each["loc"] else form
        texts.append(_text(each))
    return {"formErrors": form, "fieldErrors": fields}


def _code(issue: ErrorDetails) -> str:
    return "invalid_type" if issue["type"].endswith(("_type", "missing")) else issue["type"]


def _text(issue: ErrorDetails) -> str:
    return "Required" if issue["type"] == "missing" else issue["msg"]
