"""Nodes that wait: for time, for a signal, for a person, for another flow."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from chaingraph.engine.authoring import Context, NodeError, node, output, port
from chaingraph.engine.waits import Child, ChildEnded, Received, Signal, Sleep, TimeIsUp
from chaingraph.flow.forms import schema_of, schema_problem
from chaingraph.flow.secrets import holds_secrets

#: A longer sleep is a durable wait.
SHORT_MS = 5_000


def _sleep(duration: float | None) -> Sleep | None:
    """A short sleep is slept in place."""
    return Sleep(duration) if duration and duration > SHORT_MS else None


@node(category="flow", kind="pure", output="actualDuration", waits=_sleep)
async def sleep_node(
    ctx: Context,
    duration: Annotated[float, port(title="Duration (ms)", min=0)] = 1000,
) -> Annotated[float, port(0, title="Actual Duration (ms)")]:
    """Waits. Anything longer than a few seconds costs no worker and outlives them all."""
    if isinstance(ctx.answer, TimeIsUp):
        return ctx.answer.waited_ms
    begin = time.monotonic()
    try:
        await asyncio.sleep((duration or 0) / 1000)
    except asyncio.CancelledError:
        raise NodeError("Sleep aborted") from None
    return round((time.monotonic() - begin) * 1000)


def _signal(name: str, schema: dict[str, Any] | None, timeoutMs: float | None) -> Signal:
    if not name:
        raise NodeError("Signal name is required")
    return Signal(name, _usable(schema or {}), timeoutMs)


@node(category="flow", title="Wait For Signal", kind="pure", waits=_signal)
class WaitForSignalNode:
    """Waits until somebody sends a value under this name that fits the JSON Schema.

    When none came in time it goes on with the default; without one it fails.
    """

    name: str = ""
    schema: dict[str, Any] | None = port(None, title="JSON Schema")
    timeoutMs: float | None = port(None, title="Time-out (ms)", min=0)
    default: Any = port(None, title="Value after the time-out")
    value: Any = output()
    timedOut: bool = output(False)

    async def run(self, ctx: Context) -> None:
        self.timedOut = not isinstance(ctx.answer, Received)
        if isinstance(ctx.answer, Received):
            self.value = ctx.answer.value
        elif self.default is not None:
            self.value = self.default
        else:
            raise NodeError(f"The signal {self.name} did not come in time")


def _person(
    title: str,
    form: dict[str, Any] | None,
    assignees: list[str],
    expiresMs: float | None,
    ctx: Context,
) -> Signal:
    schema = _usable({**_form(form or {}, ctx), "type": "object"})
    return Signal(ctx.node_id, schema, expiresMs, title, tuple(assignees or ()))


def _form(value: Mapping[str, Any], ctx: Context) -> Mapping[str, Any]:
    """The form as it was drawn in the editor, filled in with what is known; else as written."""
    drawn = ctx.port("form")
    if drawn is not None and holds_secrets(drawn):
        raise NodeError("A form asks for no secrets: everybody who follows reads the answer")
    if drawn is None or not drawn.properties:
        return value
    return {**schema_of(drawn), "default": dict(value)}


@node(category="flow", kind="pure", waits=_person)
class HumanInputNode:
    """Asks a person to fill in a form: the properties of `form`, or a JSON Schema written there.

    The answer is a signal under the id of this node. Assignees are the ids of those who may
    answer; without any, whoever may steer the execution.
    """

    title: str = ""
    form: dict[str, Any] | None = None
    assignees: list[str] = port([])
    expiresMs: float | None = port(None, title="Expires after (ms)", min=0)
    onExpiry: Literal["fail", "continue"] = "fail"
    answer: dict[str, Any] | None = output()
    answeredBy: str = output("")
    expired: bool = output(False)

    async def run(self, ctx: Context) -> None:
        if isinstance(ctx.answer, Received):
            self.answer, self.answeredBy = ctx.answer.value, ctx.answer.by
        elif self.onExpiry == "fail":
            raise NodeError("Nobody answered in time")
        self.expired = not isinstance(ctx.answer, Received)


def _flow(flowId: str, inputs: dict[str, Any] | None) -> Child:
    if not flowId:
        raise NodeError("Flow id is required")
    return Child(flowId, _by_port(inputs or {}))


def _by_port(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Inputs by `node.port`, also when edges brought them as `{node: {port: value}}`."""
    named: dict[str, Any] = {}
    for key, value in inputs.items():
        if "." not in key and isinstance(value, Mapping):
            named |= {f"{key}.{port_id}": each for port_id, each in value.items()}
        else:
            named[key] = value
    return named


@node(category="flow", kind="pure", waits=_flow)
class RunFlowNode:
    """Runs a stored flow as a child execution and waits for its end. Fails if that does not
    complete, or completes with failed nodes that its flow does not handle.

    `inputs` and `outputs` are values by `node.port`.
    """

    flowId: str = ""
    inputs: dict[str, Any] | None = None
    outputs: dict[str, Any] | None = output()
    executionId: str = output("")
    status: str = output("")

    async def run(self, ctx: Context) -> None:
        ended = ctx.answer
        if not isinstance(ended, ChildEnded):
            raise NodeError(f"Flow {self.flowId} was not run")
        if ended.status != "completed" or ended.error:
            told = ended.error or f"execution {ended.execution_id} is {ended.status}"
            raise NodeError(f"Flow {self.flowId} did not complete: {told}")
        self.outputs = dict(ended.outputs)
        self.executionId, self.status = ended.execution_id, ended.status


def _usable(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    problem = schema_problem(schema)
    if problem is not None:
        raise NodeError(problem)
    return schema
