"""tRPC requests and responses over HTTP, without a server.

`read_request` understands a request or raises TRPCError, which concerns the request as a whole
and is answered by `refusal`, one object even for a batch. The driver runs the calls, makes an
`answer` of each and hands them, in order, to `response`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qs

from chaingraph.trpc.codes import TRPCError
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

    @property
    def subscription(self) -> Procedure | None:
        """The procedure, if this is a subscription, which is answered by an event stream."""
        match self.calls[0].target:
            case Procedure(kind="subscription") as procedure if not self.is_batch:
                return procedure
        return None


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


def read_request(request: HttpRequest, wire: Wire, *, max_batch: int | None = None) -> HttpCalls:
    """The calls of a request. Raises TRPCError for what concerns all of them."""
    query = {name: values[0] for name, values in parse_qs(request.query, True).items()}
    is_batch = query.get("batch") == "1"
    is_stream = _wants_lines(request.headers)
    paths = request.path.split(",") if is_batch else [request.path]
    if max_batch is not None and len(paths) > max_batch:
        raise TRPCError("BAD_REQUEST", "Batch call exceeds maximum size")
    if is_stream and not is_batch:
        problem = "Streaming requests must be batched (you can do a batch of 1)"
        raise TRPCError("BAD_REQUEST", problem)
    _check_content_type(request)
    inputs = _Inputs(request, query, wire.transformer, is_batch=is_batch)
    calls = [
        HttpCall(path, _target(wire.router, path, request.method, is_batch), inputs.reader(index))
        for index, path in enumerate(paths)
    ]
    _check_kinds(wire.router, paths)
    return HttpCalls(calls, is_batch, is_stream, _params(query))


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


def _target(router: Router, path: str, method: str, is_batch: bool) -> Procedure | TRPCError:
    procedure = router.get(path)
    if procedure is None:
        return TRPCError("NOT_FOUND", f'No procedure found on path "{path}"')
    if method != _METHODS[procedure.kind]:
        what = f'Unsupported {method}-request to {procedure.kind} procedure at path "{path}"'
        return TRPCError("METHOD_NOT_SUPPORTED", what)
    if is_batch and procedure.kind == "subscription":
        return TRPCError("BAD_REQUEST", "Cannot batch subscription calls")
    return procedure


class _Inputs:
    """The inputs of a request. They are parsed when a procedure asks, and fail each by itself."""

    def __init__(
        self,
        request: HttpRequest,
        query: Mapping[str, str],
        transformer: Transformer,
        *,
        is_batch: bool,
    ) -> None:
        self._body = request.body
        self._text = query.get("input") if request.method == "GET" else request.body
        self._transformer = transformer
        self._is_batch = is_batch
        self._last_event_id = (
            request.headers.get("last-event-id")
            or query.get("lastEventId")
            or query.get("Last-Event-Id")
        )

    def reader(self, index: int) -> Callable[[], Any]:
        return lambda: self._read(index)

    def _read(self, index: int) -> Any:
        if self._body is None:
            raise TRPCError("PAYLOAD_TOO_LARGE", "PAYLOAD_TOO_LARGE")
        undefined = self._transformer.undefined
        try:
            envelope = undefined if self._text is None else self._envelope(self._text, index)
            value = envelope if envelope is undefined else self._transformer.decode(envelope)
        except ValueError as error:
            raise TRPCError("BAD_REQUEST", str(error)) from error
        return merge_last_event_id(value, self._last_event_id, self._transformer)

    def _envelope(self, text: str | bytes, index: int) -> Any:
        content = read_json(text)
        if not self._is_batch:
            return content
        if not isinstance(content, dict):
            raise ValueError('"input" needs to be an object when doing a batch call')
        return content.get(str(index), self._transformer.undefined)
