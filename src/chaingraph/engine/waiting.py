"""The nodes of a run that wait: for time, for signals, for children, or to be tried again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from chaingraph.engine.events import EventType
from chaingraph.engine.state import NEVER, FlowState
from chaingraph.flow.forms import misfit


class Waiting:
    """Answers nodes when what they wait for is there, and gives them to `ready`."""

    def __init__(
        self,
        state: FlowState,
        record: Callable[[EventType, dict[str, Any]], None],
        ready: Callable[[str], None],
        clock: Callable[[], int],
    ) -> None:
        self._state = state
        self._record = record
        self._ready = ready
        self._clock = clock
        #: when each is to go on at the latest, in ms since 1970
        self._due: dict[str, float] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}

    def __bool__(self) -> bool:
        return bool(self._due)

    @property
    def wake_at(self) -> int | None:
        """When the first of them is to go on without having heard anything."""
        first = min(self._due.values(), default=NEVER)
        return None if first == NEVER else int(first)

    @property
    def exhausted(self) -> list[str]:
        """Those that somebody has to look at, in the order in which they came."""
        return [n for n in self._due if self._state.nodes[n].retry_at == NEVER]

    def add(self, node_id: str) -> None:
        """Take in a node whose state says what it waits for.

        Time is up later at the earliest: what was sent before is heard first.
        """
        due = self._due[node_id] = self._due_time(node_id)
        if due != NEVER:
            left = max(0.0, due - self._clock())
            loop = asyncio.get_running_loop()
            self._timers[node_id] = loop.call_later(left / 1000, self._time_is_up, node_id)
        name = (self._state.nodes[node_id].wait or {}).get("name")
        if name is not None:
            self._match(name)

    def look_at_clock(self) -> None:
        """Let those go on whose time has come, also if their timers do not know it: clocks jump."""
        now = self._clock()
        for node_id, due in list(self._due.items()):
            if due <= now:
                self._time_is_up(node_id)

    def signal_came(self, name: str) -> None:
        """Give the signals of this name to those who wait for it."""
        self._match(name)

    def child_ended(self, outcome: Mapping[str, Any]) -> None:
        """`outcome` is executionId, status, outputs and error of the child."""
        for node_id in list(self._due):
            wait = self._state.nodes[node_id].wait or {}
            if wait.get("executionId") == outcome["executionId"]:
                self._answer(node_id, {"kind": "child", **outcome})

    def waits_for_child(self, execution_id: str) -> bool:
        waits = (self._state.nodes[node_id].wait or {} for node_id in self._due)
        return any(wait.get("executionId") == execution_id for wait in waits)

    def looked_at(self) -> None:
        """Somebody resumed the flow: what was out of tries goes on."""
        for node_id in list(self._due):
            if self._due[node_id] == NEVER and self._state.nodes[node_id].retry_at == 0:
                self._go_on(node_id)

    def close(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _due_time(self, node_id: str) -> float:
        node = self._state.nodes[node_id]
        if node.retry_at is not None:
            return node.retry_at
        due = (node.wait or {}).get("due")
        return NEVER if due is None else float(due)

    def _time_is_up(self, node_id: str) -> None:
        if self._state.nodes[node_id].retry_at is not None:
            self._go_on(node_id)
        else:
            since = (self._state.nodes[node_id].wait or {}).get("since", 0)
            self._answer(node_id, {"kind": "time", "waited": max(0, self._clock() - since)})

    def _match(self, name: str) -> None:
        """Each signal goes to the first that takes it; one that none of them takes is rejected."""
        for signal_id, signal in list(self._state.signals.items()):
            waiters = self._waiters(name) if signal["name"] == name else []
            if not waiters:
                continue
            reasons = [self._refusal(node_id, signal) for node_id in waiters]
            if None in reasons:
                answer = {"kind": "signal", "signalId": signal_id}
                self._answer(waiters[reasons.index(None)], answer)
            else:
                told = {"signalId": signal_id, "name": name, "nodeId": waiters[0]}
                self._record(EventType.SIGNAL_REJECTED, {**told, "reason": reasons[0]})

    def _waiters(self, name: str) -> list[str]:
        waits = {node_id: self._state.nodes[node_id].wait or {} for node_id in self._due}
        return [node_id for node_id, wait in waits.items() if wait.get("name") == name]

    def _refusal(self, node_id: str, signal: Mapping[str, Any]) -> str | None:
        wait = self._state.nodes[node_id].wait or {}
        aliases = signal.get("aliases", ())
        return refusal(wait, signal["value"], signal["by"], signal.get("role"), aliases)

    def _answer(self, node_id: str, answer: Mapping[str, Any]) -> None:
        self._record(EventType.NODE_ANSWERED, {"nodeId": node_id, "answer": dict(answer)})
        self._go_on(node_id)

    def _go_on(self, node_id: str) -> None:
        self._due.pop(node_id)
        timer = self._timers.pop(node_id, None)
        if timer is not None:
            timer.cancel()
        self._ready(node_id)


def refusal(
    wait: Mapping[str, Any], value: Any, by: str, role: str | None, aliases: Iterable[str] = ()
) -> str | None:
    """Why a signal does not answer a wait in its journal form, in one sentence, or None."""
    assignees = wait.get("assignees") or ()
    is_named = any(name in assignees for name in (by, *aliases))
    if assignees and role != "admin" and not is_named:
        return f"{by} is not among those who may answer"
    return misfit(wait.get("schema") or {}, value)
