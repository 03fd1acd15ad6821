"""tRPC requests and responses over HTTP, without a server.

`read_request` understands a request or raises TRPCError, which concerns the request as a whole
and is answered by `refusal`, one object even for a batch. The driver runs the calls, makes an
`answer` of each and hands them, in order, to `response`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qs

from chaingraph.trpc.codes import TRPCError
from chaingraph.trpc.limits import DEFAULT_LIMITS, Limits
from chaingraph.trpc.messages import Params, check_params, merge_last_event_id
from chaingraph.trpc.router import Procedure, Router
from chaingraph.trpc.transformer import Transformer, read_json, write_json
from chaingraph.trpc.wire import Wire

JSON_HEADERS: Final = {"content-type": "application/json", "vary": "trpc-accept, accept"}
_METHODS: Final = {"query": "GET", "subscription": "GET", "mutation": "POST"}


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """`path` is the decoded path below the base; header names are in lower case.

    `body` is None when it was larger than the server takes.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes | None = b""


@dataclass(frozen=True, slots=True)
class HttpCall:
    """One member of a request: its procedure, or why it has none."""

    path: str
    target: Procedure | TRPCError
    read_input: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class HttpCalls:
    """What a request asks for."""

    calls: Sequence[HttpCall]
    is_batch: bool
    is_stream: bool
    """The batch is to be answered in JSON lines, each call as it finishes."""
    params: Params
    subscription: Procedure | None
    """The procedure, if this is a subscription. Even its refusal is an event of a stream."""


@dataclass(frozen=True, slots=True)
class Success:
    value: Any


Outcome: TypeAlias = Success | BaseException


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    content: dict[str, Any]


@dataclass(frozen=True, slots=True)
class HttpResponse:
    status: int
    headers: Mapping[str, str]
    body: bytes


def read_request(request: HttpRequest, wire: Wire, limits: Limits = DEFAULT_LIMITS) -> HttpCalls:
    """The calls of a request. Raises TRPCError for what concerns all of them."""
    query = {name: values[0] for name, values in parse_qs(request.query, True).items()}
    is_batch = query.get("batch") == "1"
    is_stream = _wants_lines(request.headers)
    paths = request.path.split(",") if is_batch else [request.path]
    if len(paths) > limits.batch:
        raise TRPCError("BAD_REQUEST", "Batch call exceeds maximum size")
    if is_stream and not is_batch:
        problem = "Streaming requests must be batched (you can do a batch of 1)"
        raise TRPCError("BAD_REQUEST", problem)
    _check_content_type(request)
    inputs = _Inputs(request, query, wire.transformer, limits, is_batch=is_batch)
    calls = [
        HttpCall(path, _target(wire, path, request.method, is_batch), inputs.reader(index))
        for index, path in enumerate(paths)
    ]
    _check_kinds(wire.router, paths)
    subscription = None if is_batch else _subscription(wire.router, request.path)
    return HttpCalls(calls, is_batch, is_stream, _params(query), subscription)


def answer(call: HttpCall, outcome: Outcome, wire: Wire) -> Answer:
    """The answer to one call. Raises what the transformer raises for a result it cannot carry."""
    if isinstance(outcome, Success):
        return Answer(200, {"result": {"data": wire.transformer.encode(outcome.value)}})
    failure = wire.describe(outcome)
    return Answer(failure.status, {"error": wire.transformer.encode(failure.shape(call.path))})


def response(calls: HttpCalls, answers: Sequence[Answer]) -> HttpResponse:
    """The response to a request whose calls all came to an end."""
    statuses = {each.status for each in answers}
    contents = [each.content for each in answers]
    status = statuses.pop() if len(statuses) == 1 else 207
    return _json_response(status, contents if calls.is_batch else contents[0])


def refusal(error: TRPCError, wire: Wire) -> HttpResponse:
    """The answer to a request that could not be read: never an array, and without a path."""
    failure = wire.describe(error)
    return _json_response(failure.status, {"error": wire.transformer.encode(failure.shape())})


def _json_response(status: int, content: Any) -> HttpResponse:
    return HttpResponse(status, JSON_HEADERS, write_json(content).encode())


def _wants_lines(headers: Mapping[str, str]) -> bool:
    accepted = headers.get("trpc-accept"), headers.get("accept", "")
    return accepted[0] == "application/jsonl" or "application/jsonl" in accepted[1]


def _check_content_type(request: HttpRequest) -> None:
    if request.method in ("GET", "HEAD"):
        return
    content_type = request.headers.get("content-type")
    if content_type is None:
        raise TRPCError("UNSUPPORTED_MEDIA_TYPE", "Missing content-type header")
    if not content_type.startswith("application/json"):
        problem = f'Unsupported content-type "{content_type}"'
        raise TRPCError("UNSUPPORTED_MEDIA_TYPE", problem)


def _check_kinds(router: Router, paths: Sequence[str]) -> None:
    kinds = list(dict.fromkeys(router[path].kind for path in paths if path in router))
    if len(kinds) > 1:
        raise TRPCError("BAD_REQUEST", f"Cannot mix procedure types in call: {', '.join(kinds)}")


def _params(query: Mapping[str, str]) -> Params:
    if (text := query.get("connectionParams")) is None:
        return None
    try:
        data = read_json(text)
    except ValueError as error:
        raise TRPCError("PARSE_ERROR", "Not JSON-parsable query params") from error
    return check_params(data)


def _target(wire: Wire, path: str, method: str, is_batch: bool) -> Procedure | TRPCError:
    procedure = wire.router.get(path)
    if procedure is None:
        return TRPCError("NOT_FOUND", f'No procedure found on path "{path}"')
    if method != _METHODS[procedure.kind] and not (wire.method_override and method == "POST"):
        what = f'Unsupported {method}-request to {procedure.kind} procedure at path "{path}"'
        return TRPCError("METHOD_NOT_SUPPORTED", what)
    if is_batch and procedure.kind == "subscription":
        return TRPCError("BAD_REQUEST", "Cannot batch subscription calls")
    return procedure


def _subscription(router: Router, path: str) -> Procedure | None:
    procedure = router.get(path)
    return procedure if procedure is not None and procedure.kind == "subscription" else None


class _Inputs:
    """The inputs of a request. They are parsed when a procedure asks, and fail each by itself."""

    def __init__(
        self,
        request: HttpRequest,
        query: Mapping[str, str],
        transformer: Transformer,
        limits: Limits,
        *,
        is_batch: bool,
    ) -> None:
        self._body = request.body
        self._text = query.get("input") if request.method == "GET" else request.body
        self._transformer = transformer
        self._limits = limits
        self._is_batch = is_batch
        self._last_event_id = (
            request.headers.get("last-event-id")
            or query.get("lastEventId")
            or query.get("Last-Event-Id")
        )

    def reader(self, index: int) -> Callable[[], Any]:
        return lambda: self._read(index)

    def _read(self, index: int) -> Any:
        content, undefined = self._content, self._transformer.undefined
        if isinstance(content, TRPCError):
            raise TRPCError(content.code, str(content))
        if self._is_batch and content is not undefined:
            content = content.get(str(index), undefined)
        try:
            value = content if content is undefined else self._transformer.decode(content)
        except ValueError as error:
            raise TRPCError("BAD_REQUEST", str(error)) from error
        return merge_last_event_id(value, self._last_event_id, self._transformer)

    @cached_property
    def _content(self) -> Any:
        """The JSON that holds all inputs, or the TRPCError that each call gets. Parsed once."""
        if (problem := self._excess()) is not None:
            return TRPCError("PAYLOAD_TOO_LARGE", problem)
        if self._text is None:
            return self._transformer.undefined
        try:
            content = read_json(self._text)
        except ValueError as error:
            return TRPCError("BAD_REQUEST", str(error))
        if self._is_batch and not isinstance(content, dict):
            problem = '"input" needs to be an object when doing a batch call'
            return TRPCError("BAD_REQUEST", problem)
        return content

    def _excess(self) -> str | None:
        if self._body is None:
            return f"The body has more than {self._limits.body} bytes"
        if isinstance(self._text, str) and len(self._text) > self._limits.url_input:
            return f"The input in the URL has more than {self._limits.url_input} characters"
        return None
