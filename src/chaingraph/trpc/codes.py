"""The error codes of tRPC v11, and the errors of the protocol itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias


@dataclass(frozen=True, slots=True)
class Code:
    number: int
    status: int


CODES: Final[Mapping[str, Code]] = {
    "PARSE_ERROR": Code(-32700, 400),
    "BAD_REQUEST": Code(-32600, 400),
    "UNAUTHORIZED": Code(-32001, 401),
    "PAYMENT_REQUIRED": Code(-32002, 402),
    "FORBIDDEN": Code(-32003, 403),
    "NOT_FOUND": Code(-32004, 404),
    "METHOD_NOT_SUPPORTED": Code(-32005, 405),
    "TIMEOUT": Code(-32008, 408),
    "CONFLICT": Code(-32009, 409),
    "PRECONDITION_FAILED": Code(-32012, 412),
    "PAYLOAD_TOO_LARGE": Code(-32013, 413),
    "UNSUPPORTED_MEDIA_TYPE": Code(-32015, 415),
    "UNPROCESSABLE_CONTENT": Code(-32022, 422),
    "PRECONDITION_REQUIRED": Code(-32028, 428),
    "TOO_MANY_REQUESTS": Code(-32029, 429),
    "CLIENT_CLOSED_REQUEST": Code(-32099, 499),
    "INTERNAL_SERVER_ERROR": Code(-32603, 500),
    "NOT_IMPLEMENTED": Code(-32603, 501),
    "BAD_GATEWAY": Code(-32603, 502),
    "SERVICE_UNAVAILABLE": Code(-32603, 503),
    "GATEWAY_TIMEOUT": Code(-32603, 504),
}


class TRPCError(Exception):
    """A failure that the protocol itself defines; `code` is a name in CODES."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Failure:
    """What a client is told about an exception; `data` are members beside the standard ones."""

    code: str
    message: str
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def status(self) -> int:
        return CODES[self.code].status

    def shape(self, path: str | None = None) -> dict[str, Any]:
        """The error object of the wire. `path` is left out when no procedure is known."""
        code = CODES[self.code]
        where = {} if path is None else {"path": path}
        data = {"code": self.code, "httpStatus": code.status, **where, **self.data}
        return {"message": self.message, "code": code.number, "data": data}


Describe: TypeAlias = Callable[[BaseException], Failure]
"""How a server turns any exception, TRPCError included, into what the client is told."""
