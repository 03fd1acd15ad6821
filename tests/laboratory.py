"""A laboratory for executions: a journal in memory, and segments that run when a test says so."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from chaingraph.engine.catalog import Catalog
from chaingraph.engine.events import TERMINAL, Event, EventType
from chaingraph.engine.graph import Graph, compile_flow
from chaingraph.engine.seams import Vault
from chaingraph.engine.state import FlowState
from chaingraph.execution.bell import LocalBell
from chaingraph.execution.fold import fold
from chaingraph.execution.known_types import KnownTypes, MemoryTypeRegistry
from chaingraph.execution.memory import MemoryJournal
from chaingraph.execution.memory_errands import MemoryErrands
from chaingraph.execution.memory_flows import MemoryFlows
from chaingraph.execution.memory_identity import MemoryTokens
from chaingraph.execution.ports import Append, NewExecution
from chaingraph.execution.principals import LOCAL
from chaingraph.execution.reading import decode
from chaingraph.execution.records import Command, CommandKind, Segment, Stored, WorkerRow
from chaingraph.execution.segment import World, run_leased
from chaingraph.execution.service import Service
from chaingraph.execution.vault import KeyVault
from chaingraph.execution.view import SeenEvent
from chaingraph.flow.build import FlowBuilder
from chaingraph.flow.codec import read_flow
from chaingraph.flow.model import Flow
from chaingraph.nodes.basic_values import TextNode
from chaingraph.nodes.flow_control import GroupNode

WORKER = WorkerRow("w1", "here", 1, 0.0, 0, True)
MAX_VALUE_BYTES = 1 << 20
VAULT = KeyVault(lambda: (bytes(32),))


class Clock:
    """Milliseconds since 1970; stands still until a test moves it, or runs with real time."""

    def __init__(self, now: int = 1_700_000_000_000, *, real: bool = False) -> None:
        self._began = time.monotonic() if real else None
        self._now = now

    def __call__(self) -> int:
        passed = 0.0 if self._began is None else time.monotonic() - self._began
        return self._now + int(passed * 1000)

    def move(self, ms: int) -> None:
        self._now += ms


class SpiedJournal(MemoryJournal):
    """Remembers where each commit ended."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.boundaries: list[int] = []
        self._committed: defaultdict[str, list[Event]] = defaultdict(list)

    async def append(self, append: Append) -> None:
        await super().append(append)
        self.boundaries.append(append.expected + len(append.entries))
        self._committed[append.lease.execution_id] += map(decode, append.entries)

    def committed(self, execution_id: str) -> list[Event]:
        """What appends have committed by now, without waiting."""
        return self._committed[execution_id]


@dataclass
class Lab:
    """One process: a catalog, a journal, and a worker that runs what it is given."""

    catalog: Catalog
    clock: Clock = field(default_factory=Clock)
    vault: Vault = VAULT
    journal: SpiedJournal = field(init=False)
    flows: MemoryFlows = field(init=False)
    service: Service = field(init=False)
    errands: MemoryErrands = field(init=False)
    world: World = field(init=False)
    _launched: list[Segment] = field(default_factory=list)

    def __post_init__(self) -> None:
        @lru_cache
        def compiled(snapshot: str, text: bytes) -> Graph:
            return compile_flow(read_flow(json.loads(text)), self.catalog)

        bell = LocalBell()
        self.journal = SpiedJournal(self.clock)
        self.flows = MemoryFlows(self.clock)
        self.errands = MemoryErrands(self.journal, self.clock)
        self.service = Service(
            self.journal,
            self.flows,
            bell,
            KnownTypes(self.catalog, MemoryTypeRegistry()),
            MemoryTokens(self.clock),
            graph_of=compiled,
            launch=self._launched.append,
            errand=lambda: None,
            clock=self.clock,
            max_value_bytes=MAX_VALUE_BYTES,
            vault=self.vault,
        )
        self.world = World(
            self.journal,
            bell,
            compiled,
            self.clock,
            3.0,
            MAX_VALUE_BYTES,
            launch=self._launched.append,
            load_flow=self.service.ready_flow,
            vault=self.vault,
        )

    def world_with(self, **changes: Any) -> World:
        """The world, with other settings."""
        return replace(self.world, **changes)

    async def begin(
        self,
        flow: Flow,
        *,
        events: Sequence[Mapping[str, Any]] | None = None,
        **options: Any,
    ) -> Segment:
        """Create and start an execution; the segment that is to run then."""
        await self.service.import_flow(LOCAL, flow)
        execution_id = await self.service.create(
            LOCAL, flow.id, options={"execution": options}, events=events
        )
        await self.service.start(LOCAL, execution_id)
        return self._launched.pop()

    async def work(self, segment: Segment) -> None:
        """Run one segment to its end."""
        await self.journal.join(WORKER)
        lease = await self.journal.claim(segment, WORKER.id)
        if lease is not None:
            await run_leased(self.world, lease)

    async def settle(self) -> None:
        """Run what is queued and do errands until nobody has anything to do."""
        await self.journal.join(WORKER)
        while True:
            await self.errands.tell_parents()
            await self.errands.wake_due()
            cascaded = (await self.errands.cascade()).reached
            leases = await self.journal.claim_next(WORKER.id, 1_000)
            if not leases and not cascaded:
                self._launched.clear()
                return
            for lease in leases:
                await run_leased(self.world, lease)

    async def run(self, flow: Flow, **options: Any) -> Run:
        """Run a flow from start to end."""
        segment = await self.begin(flow, **options)
        await self.work(segment)
        return await self.seen(segment.execution_id)

    async def until(self, execution_id: str, type_: str, node_id: str) -> None:
        """Return when such an event of the node is committed."""
        async for batch in self.service.follow(LOCAL, execution_id, view="compact"):
            if any(e.type == type_ and e.data.get("nodeId") == node_id for e in batch):
                return

    async def until_type(self, execution_id: str, type_: str) -> None:
        """Return when such an event is committed."""
        async for batch in self.service.follow(LOCAL, execution_id, view="compact"):
            if any(e.type == type_ for e in batch):
                return

    async def seen(self, execution_id: str) -> Run:
        """What is in the journal now."""
        stored = await self._stored(execution_id)
        entries = await self.journal.read(execution_id, 0, 1_000_000)
        graph = self.world.compile_flow(
            stored.dispatch.snapshot, await self.journal.flow_of(stored.dispatch.snapshot)
        )
        return Run(self, stored, graph, [decode(each) for each in entries])

    async def full(self, execution_id: str) -> list[SeenEvent]:
        """All events of an ended execution as subscribers get them."""
        return [e async for batch in self.service.follow(LOCAL, execution_id) for e in batch]

    async def _stored(self, execution_id: str) -> Stored:
        stored = await self.journal.get(execution_id)
        assert stored is not None
        return stored


def lab_of(*things: object) -> tuple[Lab, FlowBuilder]:
    """A lab with these node types beside texts and groups, and an empty flow for it."""
    lab = Lab(Catalog.of(TextNode, GroupNode, *things))
    return lab, FlowBuilder("test", lab.catalog)


@dataclass(frozen=True)
class Run:
    """What became of an execution."""

    lab: Lab
    stored: Stored
    graph: Graph
    events: list[Event]

    @property
    def id(self) -> str:
        return self.stored.row.id

    @property
    def state(self) -> FlowState:
        state = FlowState(self.graph)
        for event in self.events:
            state.apply(event.type, event.data)
        return state

    @property
    def statuses(self) -> dict[str, str]:
        return {node_id: node.status for node_id, node in self.state.nodes.items()}

    @property
    def last(self) -> Event:
        return self.events[-1]

    def value(self, node_id: str, port_id: str) -> Any:
        return self.state.nodes[node_id].values.get(port_id)

    def of(self, node_id: str) -> list[str]:
        """The types of a node's own events, in order."""
        return [each.type.value for each in self.events if each.data.get("nodeId") == node_id]

    def one(self, type_: EventType, node_id: str) -> Event:
        (found,) = self.all(type_, node_id)
        return found

    def all(self, type_: EventType, node_id: str) -> list[Event]:
        return [e for e in self.events if e.type is type_ and e.data.get("nodeId") == node_id]

    def failure(self, node_id: str) -> tuple[str, str]:
        """Name and message of a node's error."""
        error = self.one(EventType.NODE_FAILED, node_id).data["error"]
        return error.name, error.message

    def cuts(self) -> list[int]:
        """The positions at which a commit ended and the execution had not."""
        last = self.last.position + (self.last.type not in TERMINAL)
        return sorted({each for each in self.lab.journal.boundaries if each <= last})

    async def crashed_at(self, position: int) -> tuple[Lab, Segment]:
        """Another process with the journal up to there, and the segment that takes over."""
        lab = Lab(self.lab.catalog, Clock(self.lab.clock()), self.lab.vault)
        lab.journal.boundaries.append(position)
        row, snapshot = self.stored.row, self.stored.dispatch.snapshot
        entries = await self.lab.journal.read(self.id, 0, position)
        await lab.journal.create(
            NewExecution(
                id=row.id,
                flow_id=row.flow_id,
                owner_id=row.owner_id,
                snapshot=snapshot,
                flow=await self.lab.journal.flow_of(snapshot),
                created=entries[0],
                root_execution_id=row.root_execution_id,
                options=row.options or {},
                external_events=row.external_events or [],
            )
        )
        await lab.journal.deliver(row.id, Command("start", CommandKind.START, "test", {}))
        await lab.journal.join(WORKER)
        lease = await lab.journal.claim(Segment(row.id, 1), WORKER.id)
        assert lease is not None
        await lab.journal.append(
            Append(
                lease=lease,
                batch_id="before the crash",
                expected=1,
                entries=tuple(entries[1:]),
                cursor=1,
                root_execution_id=row.root_execution_id,
                folded=fold(self.events[:position]),
            )
        )
        segment = await lab.journal.hand_over(lease)
        assert segment is not None
        return lab, segment

    async def resumed_at(self, position: int) -> Run:
        """What another process makes of the journal up to there."""
        lab, segment = await self.crashed_at(position)
        await lab.work(segment)
        return await lab.seen(self.id)


def lines(run: Run) -> list[str]:
    """Events as one-liners: index, type, who, and what is special about them."""
    return [f"{each.index} {_line(each, run.graph)}" for each in run.events if each.index >= 0]


def _line(event: Event, graph: Graph) -> str:
    data = event.data
    words: list[str] = [event.type.value, str(data.get("nodeId", ""))]
    if "edgeId" in data:
        edge = graph.edges[data["edgeId"]]
        words.append(f"{edge.source}.{edge.source_port}->{edge.target}.{edge.target_port}")
    words += [str(data[key]) for key in ("newStatus", "reason") if key in data]
    if "error" in data:
        words.append(data["error"].message)
    return " ".join(word for word in words if word)


def started(events: Iterable[Event]) -> list[str]:
    """The nodes that were started, in order, as often as they were."""
    return [each.data["nodeId"] for each in events if each.type is EventType.NODE_STARTED]
