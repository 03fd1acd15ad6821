"""Every error a caller of chaingraph can meet.

    ChainGraphError                 INTERNAL_SERVER_ERROR
    ├─ NotFound                     NOT_FOUND
    │   ├─ FlowNotFound
    │   ├─ ExecutionNotFound
    │   ├─ TokenNotFound
    │   └─ UserNotFound
    ├─ Unauthorized                 UNAUTHORIZED
    ├─ Forbidden                    FORBIDDEN
    │   └─ ScopeNeeded              the caller's token or role is not good for that
    ├─ BadInput                     BAD_REQUEST
    │   ├─ UnreadableFlow           the file is no flow at all
    │   ├─ InvalidFlow              a flow with mistakes; lists all of them
    │   ├─ PortError                a port's definition or value is wrong
    │   ├─ SecretUnreadable         a sealed secret does not open here
    │   └─ IllegalTransition        the execution is in the wrong state for the command
    ├─ BadNodeType                  a node type is defined wrongly; found when it is imported
    ├─ IdempotencyConflict          CONFLICT
    ├─ AccountTaken                 CONFLICT
    ├─ TooManyCalls                 TOO_MANY_REQUESTS
    ├─ ValueTooLarge                PAYLOAD_TOO_LARGE
    ├─ StoreUnavailable             SERVICE_UNAVAILABLE
    ├─ ServerUnreachable            SERVICE_UNAVAILABLE
    ├─ Refused                      what a server said that has no class here; `code` says it
    ├─ NewerDatabase                PRECONDITION_FAILED
    ├─ SecretKeyMissing             PRECONDITION_FAILED
    ├─ Fenced                       the lease is lost; whoever holds it now goes on
    └─ InboxMoved                   a command arrived meanwhile; read it and try again

`code` is the name of a tRPC error code; the wire knows its number and HTTP status.
"""

from __future__ import annotations

from collections.abc import Sequence


class ChainGraphError(Exception):
    """The root of the tree: takes facts, builds its sentence, carries a code."""

    code: str = "INTERNAL_SERVER_ERROR"


class NotFound(ChainGraphError, LookupError):
    code = "NOT_FOUND"


class FlowNotFound(NotFound):
    def __init__(self, flow_id: str) -> None:
        self.flow_id = flow_id
        super().__init__(f"Flow with id {flow_id} not found")


class ExecutionNotFound(NotFound):
    def __init__(self, execution_id: str) -> None:
        self.execution_id = execution_id
        super().__init__(f"Execution with id {execution_id} not found")


class TokenNotFound(NotFound):
    def __init__(self, token_id: str) -> None:
        self.token_id = token_id
        super().__init__(f"Token with id {token_id} not found")


class UserNotFound(NotFound):
    def __init__(self, user_id: str) -> None:
        self.user_id = user_id
        super().__init__(f"User with id {user_id} not found")


class Unauthorized(ChainGraphError):
    """The server wants to know who calls, and was given no token or one that it does not know."""

    code = "UNAUTHORIZED"

    def __init__(self) -> None:
        super().__init__(
            "The caller is not known: no token was sent, or it is wrong, expired or revoked"
        )


class Forbidden(ChainGraphError, PermissionError):
    code = "FORBIDDEN"

    def __init__(self, what: str) -> None:
        super().__init__(f"Access to {what} is denied: it belongs to another owner")


class ScopeNeeded(Forbidden):
    """The caller's credential or role does not go as far as the call, whoever owns the thing."""

    def __init__(self, scope: str) -> None:
        self.scope = scope
        PermissionError.__init__(
            self, f"This needs the scope {scope}, which the caller's token or role does not have"
        )


class BadInput(ChainGraphError, ValueError):
    """Something the caller sent cannot be used; the sentence says what and why."""

    code = "BAD_REQUEST"


class UnreadableFlow(BadInput):
    """The text or file holds no flow: not JSON or YAML, or not the shape of a flow."""

    def __init__(self, source: str, reason: str) -> None:
        self.source = source
        self.reason = reason
        super().__init__(f"{source} is not a flow: {reason}")


class InvalidFlow(BadInput):
    """A flow with mistakes. `problems` holds one sentence for each of them."""

    def __init__(self, flow_id: str, problems: Sequence[str]) -> None:
        self.flow_id = flow_id
        self.problems = tuple(problems)
        count = len(self.problems)
        what = "1 problem" if count == 1 else f"{count} problems"
        super().__init__(f"Flow {flow_id} has {what}: " + "; ".join(self.problems))


class PortError(BadInput):
    """A port is defined wrongly or was given a value it cannot hold."""

    def __init__(self, port_id: str, reason: str, node_id: str | None = None) -> None:
        self.port_id = port_id
        self.node_id = node_id
        self.reason = reason
        where = f"port {port_id}" if node_id is None else f"port {node_id}.{port_id}"
        super().__init__(f"{where}: {reason}")


class SecretUnreadable(BadInput):
    """A sealed secret does not open; `port` is where it stands, if that is known."""

    def __init__(self, reason: str, port: str | None = None) -> None:
        self.reason = reason
        self.port = port
        where = "The secret" if port is None else f"The secret at port {port}"
        super().__init__(f"{where} cannot be opened: {reason}")


class IllegalTransition(BadInput):
    def __init__(self, execution_id: str, command: str, status: str) -> None:
        self.execution_id = execution_id
        self.command = command
        self.status = status
        super().__init__(f"Cannot {command} execution {execution_id}: its status is {status}")


class BadNodeType(ChainGraphError, TypeError):
    """A node type cannot be made: its author has to change its code."""

    def __init__(self, node: str, reason: str, parameter: str | None = None) -> None:
        self.node = node
        self.parameter = parameter
        self.reason = reason
        where = f"node {node}" if parameter is None else f"node {node}, {parameter}"
        super().__init__(f"{where}: {reason}")


class IdempotencyConflict(ChainGraphError):
    code = "CONFLICT"

    def __init__(self, key: str, execution_id: str) -> None:
        self.key = key
        self.execution_id = execution_id
        super().__init__(
            f"Idempotency key {key} was used before with other input (execution {execution_id})"
        )


class TooManyCalls(ChainGraphError):
    """The caller's rate is over the limit. Nothing was done; try again after `seconds`."""

    code = "TOO_MANY_REQUESTS"

    def __init__(self, limit: str, seconds: int) -> None:
        self.seconds = seconds
        super().__init__(f"Too many calls: the limit is {limit}. Try again in {seconds} s")


class AccountTaken(ChainGraphError):
    """An account elsewhere belongs to another user already; who that is, is not told."""

    code = "CONFLICT"

    def __init__(self, provider: str, external_id: str) -> None:
        self.provider = provider
        self.external_id = external_id
        super().__init__(f"The account {external_id} at {provider} belongs to another user")


class ValueTooLarge(ChainGraphError):
    code = "PAYLOAD_TOO_LARGE"

    def __init__(self, what: str, size: int, limit: int) -> None:
        self.size = size
        self.limit = limit
        super().__init__(f"{what} is {size:,} bytes; the limit is {limit:,}")


class StoreUnavailable(ChainGraphError):
    """The database, or who knows the callers, could not be reached in time. Try again."""

    code = "SERVICE_UNAVAILABLE"


class ServerUnreachable(ChainGraphError, ConnectionError):
    """A client got no answer. Whether a call was done is open; with the same ids try it again."""

    code = "SERVICE_UNAVAILABLE"

    def __init__(self, url: str, reason: str) -> None:
        self.url = url
        self.reason = reason
        super().__init__(f"The server {url} cannot be reached: {reason}")


class Refused(ChainGraphError):
    """A server refused for a reason that has no class of its own here."""

    def __init__(self, code: str, sentence: str) -> None:
        self.code = code
        super().__init__(sentence)


class NewerDatabase(ChainGraphError):
    """A later release has upgraded the database; this one must not touch it."""

    code = "PRECONDITION_FAILED"

    def __init__(self, found: str, newest: str) -> None:
        self.found = found
        self.newest = newest
        super().__init__(
            f"The database has version {found}, and this release knows none above {newest}: "
            "use the release that upgraded it, or a copy from before"
        )


class SecretKeyMissing(ChainGraphError):
    """There is a secret to seal or to open, and no key for it."""

    code = "PRECONDITION_FAILED"

    def __init__(self) -> None:
        super().__init__(
            "There is no key for secrets: give every server and worker the same "
            "CHAINGRAPH_SECRET_KEY; `chaingraph secrets new-key` prints one"
        )


class Fenced(ChainGraphError):
    """An append was refused: the caller no longer holds the execution's lease."""

    def __init__(self, execution_id: str, number: int) -> None:
        self.execution_id = execution_id
        self.number = number
        super().__init__(f"Segment {number} of execution {execution_id} lost its lease")


class InboxMoved(ChainGraphError):
    """A terminal append was refused: a command that was not read yet is in the inbox."""

    def __init__(self, execution_id: str) -> None:
        self.execution_id = execution_id
        super().__init__(f"Execution {execution_id} has unread commands")
