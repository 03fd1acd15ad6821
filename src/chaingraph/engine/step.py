"""One node's way from ready to ended. The order of the events is observable and fixed:

status `executing` < `node:started` < transfers < status of the end <
`node:completed|failed|skipped`.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, cast

from chaingraph.engine.channel import Channel, StreamReader, StreamWriter
from chaingraph.engine.chunks import ChunkWriter
from chaingraph.engine.context import BodyContext, Identity
from chaingraph.engine.control import Interrupted, LimitPassed, NodeTimedOut
from chaingraph.engine.events import EventType
from chaingraph.engine.node import Kind, NodeError, NodeType, Values
from chaingraph.engine.plan import Plan
from chaingraph.engine.seams import Bounds, Children, Recorder, Vault
from chaingraph.engine.secrets import Secrets
from chaingraph.engine.state import FlowState
from chaingraph.engine.threads import run_in_thread
from chaingraph.engine.transfers import Transfers
from chaingraph.engine.values import changed_values, weigh
from chaingraph.engine.waits import Child, Signal, wait_json
from chaingraph.errors import ChainGraphError, PortError
from chaingraph.flow.forms import schema_problem
from chaingraph.flow.model import ERROR_MESSAGE, EXECUTE, SUCCESS, SYSTEM_PORTS
from chaingraph.flow.ports import Json, Port, PortType
from chaingraph.flow.transfer import SCALARS, copy
from chaingraph.superjson import JsError


class Step:
    """Takes the nodes of one run through their steps."""

    def __init__(
        self,
        identity: Identity,
        state: FlowState,
        plan: Plan,
        record: Callable[[EventType, dict[str, Any]], None],
        recorder: Recorder,
        enqueue: Callable[[list[str]], None],
        bounds: Bounds,
        children: Children,
        vault: Vault,
        *,
        max_value_bytes: int,
        clock: Callable[[], int],
    ) -> None:
        self.record = record
        self.room = recorder.room
        self.after_commit = recorder.after_commit
        self._identity = identity
        self._graph = state.graph
        self._flow_nodes = state.graph.flow.nodes
        self._nodes = state.nodes
        self._plan = plan
        self._recorder = recorder
        self._enqueue = enqueue
        self._bounds = bounds
        self._children = children
        self._clock = clock
        self._max_value_bytes = max_value_bytes
        self._transfers = Transfers(state, plan, record)
        self._secrets = Secrets(vault, identity.owner_id, state.graph)
        self._loop = asyncio.get_running_loop()
        self._began: dict[str, float] = {}
        self._chunks: dict[str, list[ChunkWriter]] = {}

    def run_quick(self, node_id: str) -> None:
        """Run a quick pure node here and now."""
        if not self._begin(node_id):
            return
        context = BodyContext(self._identity, self, node_id, self._nodes[node_id].attempt)
        try:
            outputs = self._graph.types[node_id].body(self._inputs(node_id), context)
        except Exception as error:
            self._failed(node_id, error)
        else:
            self._complete(node_id, cast(Values, outputs), context)
        finally:
            context.close()

    def ahead(self, node_id: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """See `Transfers.ahead`."""
        return self._transfers.ahead(node_id)

    async def run(self, node_id: str, timeout_ms: float) -> None:
        """Run any node. `meaning` says what an error or a cancellation makes of it."""
        state, node_type = self._nodes[node_id], self._graph.types[node_id]
        if state.answer is not None:
            self._go_on(node_id)
        elif not self._begin(node_id):
            return
        context = BodyContext(self._identity, self, node_id, state.attempt, state.answer)
        try:
            if state.answer is None and await self._waits(node_type, node_id, context):
                return
            if node_type.kind is not Kind.PURE:
                await self._recorder.committed()
            outputs = await self._body(node_type, node_id, context, timeout_ms)
        except LimitPassed as error:
            self._bounds.passed_limit(node_id, str(error))
        except (Exception, asyncio.CancelledError) as error:
            self._failed(node_id, self._meaning(node_id, error))
        else:
            self._complete(node_id, outputs, context)
        finally:
            context.close()

    def _go_on(self, node_id: str) -> None:
        """The node has its answer; another process may have begun it."""
        self._began[node_id] = time.perf_counter()
        if node_id not in self._chunks:
            self._open_streams(node_id)

    def _meaning(self, node_id: str, error: BaseException) -> Exception:
        try:
            return self._bounds.meaning(node_id, error)
        except asyncio.CancelledError:
            for chunks in self._chunks.pop(node_id, ()):
                chunks.drop()
            raise

    async def _waits(self, node_type: NodeType, node_id: str, context: BodyContext) -> bool:
        """Ask the node what it waits for, and journal that. False when it need not wait."""
        wait = node_type.waits and node_type.waits(self._inputs(node_id), context)
        if wait is None:
            return False
        if isinstance(wait, Signal) and (problem := schema_problem(wait.schema)) is not None:
            raise NodeError(f"The schema of signal {wait.name} cannot be used: {problem}")
        child_id = await self._children.call(node_id, wait) if isinstance(wait, Child) else ""
        data = {"nodeId": node_id, "wait": wait_json(wait, self._clock(), child_id)}
        self.record(EventType.NODE_WAITING, data)
        self._bounds.waits(node_id)
        return True

    def _failed(self, node_id: str, error: Exception) -> None:
        """The node is tried again, or looked at, or it ends as failed."""
        policy = self._graph.retries.get(node_id)
        named = self._named(error)
        if policy is None or not self._bounds.may_retry() or not policy.covers(*named):
            self.fail(node_id, error)
            return
        failures = self._nodes[node_id].failures + 1
        if failures < policy.attempts:
            at = self._clock() + policy.delay(failures, random.random())
            self._schedule(node_id, failures, error, at)
            self._bounds.waits(node_id)
        elif policy.then == "pause":
            self._schedule(node_id, failures, error, None)
            self._bounds.ask_human(node_id, named[1])
        else:
            self.fail(node_id, error)

    def _schedule(self, node_id: str, failures: int, error: Exception, at: int | None) -> None:
        shown = JsError(*self._named(error))
        data = {"nodeId": node_id, "attempt": failures, "error": shown, "at": at}
        self.record(EventType.NODE_RETRY_SCHEDULED, data)

    def fail(self, node_id: str, error: Exception) -> None:
        """End the node as failed; its error ports resolve."""
        data = {"nodeId": node_id, "values": {}, "error": JsError(*self._named(error))}
        self._end(node_id, "error", EventType.NODE_FAILED, data)

    def log(self, node_id: str, text: str) -> None:
        shown = self._secrets.hide(text)
        self.record(EventType.NODE_DEBUG_LOG, {"nodeId": node_id, "log": shown})

    def resolution(self, node_id: str, port_id: str, value: Json) -> dict[str, Any]:
        port = self._flow_nodes[node_id].port(port_id)
        if port is None or port_id in SYSTEM_PORTS or not port.direction.gives_values:
            raise PortError(port_id, "the node has no such output port", node_id)
        if port.type is PortType.STREAM:
            return {"nodeId": node_id, "portId": port_id}
        kept = self._secrets.keep(node_id)(port, value)
        weigh(f"port {port_id}", kept, self._max_value_bytes)
        return {"nodeId": node_id, "portId": port_id, "value": kept}

    def resolve(self, resolution: dict[str, Any]) -> None:
        """Let downstream nodes use an output port before its node has ended. The first wins."""
        node_id, port_id = resolution["nodeId"], resolution["portId"]
        if not self._plan.is_resolved(node_id, port_id):
            self.record(EventType.NODE_PORT_RESOLVED, resolution)
            self._enqueue(self._plan.resolve(node_id, port_id))

    def is_port_resolved(self, node_id: str, port_id: str) -> bool:
        return self._plan.is_resolved(node_id, port_id)

    def port(self, node_id: str, port_id: str) -> Port | None:
        return self._flow_nodes[node_id].port(port_id)

    def call_soon(self, call: Callable[[], None]) -> None:
        self._loop.call_soon_threadsafe(call)

    async def _body(
        self, node_type: NodeType, node_id: str, context: BodyContext, timeout_ms: float
    ) -> Values:
        call = partial(node_type.body, self._inputs(node_id), context)
        try:
            async with asyncio.timeout(timeout_ms / 1000) as scope:
                if node_type.is_async:
                    return await cast("asyncio.Future[Values]", call())
                return cast(Values, await run_in_thread(call, name=node_id))
        except Exception as error:
            if scope.expired():
                raise NodeTimedOut(node_id, timeout_ms) from error
            raise

    def _begin(self, node_id: str) -> bool:
        """Everything before the body. False when the node has ended without running it."""
        state = self._nodes[node_id]
        kind = self._graph.types[node_id].kind
        self._began[node_id] = time.perf_counter()
        if state.attempt and kind is Kind.ONCE:
            self.fail(node_id, Interrupted(node_id))
            return False
        # A node that would not run before its inputs came tries all of its edges, unannounced.
        starts = state.status == "executing" or (
            not state.transferred and self._may_execute(node_id)
        )
        if starts:
            self._start(node_id)
        if not self._transfers.carry(node_id, only_resolved=starts):
            self._skip(node_id, "edge transfer failed")
            return False
        if self._is_captured(node_id):
            self._mark_completed(node_id)
            return False
        if not self._may_execute(node_id):
            self._skip(node_id, "node skipped because shouldExecute returned false")
            return False
        if not starts and kind is not Kind.PURE:
            self._start(node_id)
        self._open_streams(node_id)
        return True

    def _may_execute(self, node_id: str) -> bool:
        values = self._nodes[node_id].values
        if EXECUTE in values:
            return values[EXECUTE] is True
        return not self._flow_nodes[node_id].flow_ports.disabled_auto_execution

    def _start(self, node_id: str) -> None:
        state = self._nodes[node_id]
        if state.status != "executing":
            self._status(node_id, "executing")
        data: dict[str, Any] = {"nodeId": node_id}
        if state.attempt:
            data["attempt"] = state.attempt + 1
        self.record(EventType.NODE_STARTED, data)

    def _is_captured(self, node_id: str) -> bool:
        """Inside a container that is no group: a node used as a tool, its code does not run."""
        parent = self._flow_nodes.get(self._flow_nodes[node_id].parent_id or "")
        return parent is not None and parent.category != "group"

    def _mark_completed(self, node_id: str) -> None:
        self._end(node_id, "completed", EventType.NODE_COMPLETED, {"nodeId": node_id, "values": {}})
        parent = self._flow_nodes[self._flow_nodes[node_id].parent_id or ""]
        for port in parent.ports.values():
            if _captures(port, node_id):
                self.resolve({"nodeId": parent.id, "portId": port.id})

    def _open_streams(self, node_id: str) -> None:
        ports = self._graph.streams_out[node_id]
        if ports:
            state = self._nodes[node_id]
            self._chunks[node_id] = [
                ChunkWriter(
                    self,
                    state.values[port_id],
                    node_id,
                    self._flow_nodes[node_id].ports[port_id],
                    state.attempt,
                    self._max_value_bytes,
                    self._secrets.keep(node_id),
                )
                for port_id in ports
            ]

    def _inputs(self, node_id: str) -> Values:
        """The body's own values: scalars as they are, containers copied, streams by handle,
        secrets opened."""
        values = self._nodes[node_id].values
        lent = {
            port_id: value
            if type(value := values.get(port_id)) in SCALARS
            else self._lend(node_id, port_id, value)
            for port_id in self._flow_nodes[node_id].ports
        }
        return self._secrets.opened(node_id, lent) if node_id in self._graph.secrets else lent

    def _lend(self, node_id: str, port_id: str, value: Any) -> Any:
        if not isinstance(value, Channel):
            return copy(value)
        if port_id in self._graph.streams_out[node_id]:
            return StreamWriter[Any](value)
        fed = any(edge.target_port == port_id for edge in self._graph.incoming[node_id])
        return StreamReader[Any](
            value if fed else value.ended(),
            committed_only=self._graph.types[node_id].kind is not Kind.PURE,
        )

    def _complete(self, node_id: str, outputs: Values, context: BodyContext) -> None:
        if outputs.get(SUCCESS, True) is not True:
            message = outputs.get(ERROR_MESSAGE) or "node did not complete successfully"
            self._failed(node_id, NodeError(str(message)))
            return
        ports, current = self._flow_nodes[node_id].ports, self._nodes[node_id].values
        try:
            keep = self._secrets.keep(node_id)
            values = changed_values(ports, current, outputs, self._max_value_bytes, keep)
            for event in context.emitted:
                weigh(f"event {event['type']}", event["data"], self._max_value_bytes)
        except Exception as error:  # whatever a body returns, converting it is the node's matter
            named = isinstance(error, ChainGraphError)
            self._failed(node_id, NodeError(str(error)) if named else error)
            return
        data: dict[str, Any] = {"nodeId": node_id, "values": values}
        if not context.emitted:
            self._end(node_id, "completed", EventType.NODE_COMPLETED, data)
            return
        try:
            self._children.check(len(context.emitted))
        except LimitPassed as error:
            self._bounds.passed_limit(node_id, str(error))
            return
        data["emitted"] = context.emitted
        self._end(node_id, "completed", EventType.NODE_COMPLETED, data)
        self._children.emit(node_id, context.emitted)

    def _skip(self, node_id: str, reason: str) -> None:
        self._end(node_id, "skipped", EventType.NODE_SKIPPED, {"nodeId": node_id, "reason": reason})

    def _end(self, node_id: str, status: str, type_: EventType, data: dict[str, Any]) -> None:
        for chunks in self._chunks.pop(node_id, ()):
            chunks.stop()
        self._status(node_id, status)
        now = time.perf_counter()
        elapsed = now - self._began.pop(node_id, now)
        if type_ is not EventType.NODE_SKIPPED:
            data["executionTime"] = round(elapsed * 1000)
        self.record(type_, data)
        self._enqueue(self._plan.finish(node_id, type_))

    def _named(self, error: Exception) -> tuple[str, str]:
        """Name and message of an error, as the journal shows them."""
        name = type(error).__name__
        message = self._secrets.hide(str(error) or name)
        return "Error" if isinstance(error, NodeError) else name, message

    def _status(self, node_id: str, new: str) -> None:
        change = {"nodeId": node_id, "oldStatus": self._nodes[node_id].status, "newStatus": new}
        self.record(EventType.NODE_STATUS_CHANGED, change)


def _captures(port: Port, node_id: str) -> bool:
    """Whether an object port of a container shows this node's schema."""
    ui = port.config.get("ui")
    capture = ui.get("nodeSchemaCapture") if isinstance(ui, Mapping) else None
    if not isinstance(capture, Mapping):
        return False
    return bool(capture.get("enabled")) and capture.get("capturedNodeId") == node_id
