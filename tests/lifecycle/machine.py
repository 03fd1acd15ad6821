"""Callers, workers and the time, in any order, on one backend and held against the model."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from chaingraph.engine.events import Event, EventType
from chaingraph.errors import BadInput, IllegalTransition
from chaingraph.execution.principals import LOCAL
from chaingraph.execution.reading import decode
from chaingraph.execution.records import CommandKind, Disposition, Status, Stored
from chaingraph.execution.verify import verify
from chaingraph.flow.model import Flow
from tests.conformance.backends import Backend
from tests.lifecycle.flows import FLOWS, HOUR, Bodies, built, sources
from tests.lifecycle.model import Model, NodeModel
from tests.lifecycle.workers import Workplace

#: So many executions are created or forked; children come on top.
MOST = 4
#: So often everything is done that can be, until all have ended.
PATIENCE = 60

WHO = st.integers(0, 7)
WORKER = st.integers(0, 1)
NUMBER = st.integers(0, 31)
FLOW = st.integers(0, len(FLOWS) - 1)


class Lifecycle(RuleBasedStateMachine):
    """Rules do nothing when there is nothing to do it to: what is drawn never depends on what
    has happened."""

    def __init__(self, runner: asyncio.Runner, backend: Backend) -> None:
        super().__init__()
        self._run = runner.run
        self.backend = backend
        self.bodies = Bodies()
        self.catalog = self.bodies.catalog()
        self.place = Workplace(backend, self.catalog)
        self.flows = [built(draw, self.catalog) for draw in FLOWS]
        self.models: dict[str, Model] = {}
        self.stored: dict[str, Stored] = {}
        self.events: dict[str, list[Event]] = {}
        self.is_sound = True

    @initialize(flow=FLOW, holds=st.booleans())
    def open(self, flow: int, holds: bool) -> None:
        self._run(self._open())
        self.create(flow, holds, fails=False, starts=True)

    async def _open(self) -> None:
        await self.place.open()
        for flow in self.flows:
            await self.place.service.import_flow(LOCAL, flow)

    # What callers do.

    @rule(flow=FLOW, holds=st.booleans(), fails=st.booleans(), starts=st.booleans())
    def create(self, flow: int, holds: bool, fails: bool, starts: bool) -> None:
        drawn = self.flows[flow]
        options: dict[str, Any] = {"breakpoints": [list(drawn.nodes)[-1]]} if holds else {}
        failure = "fail" if fails else "ignore"
        options["execution"] = {"childFailure": failure, "flowTimeoutMs": 10_000 * HOUR}
        if self._has_room():
            create = self.place.service.create(LOCAL, drawn.id, options=options)
            model = self._begin(self._run(create), drawn)
            model.fails_with_child = fails
            if starts:
                self._run(self._deliver(model, CommandKind.START, "start", {}))

    @rule(who=WHO, number=NUMBER)
    def start(self, who: int, number: int) -> None:
        self._command(CommandKind.START, who, number)

    @rule(who=WHO, number=NUMBER, tree=st.booleans(), now=st.booleans())
    def pause(self, who: int, number: int, tree: bool, now: bool) -> None:
        self._command(CommandKind.PAUSE, who, number, tree=tree, now=now)

    @rule(who=WHO, number=NUMBER, tree=st.booleans())
    def resume(self, who: int, number: int, tree: bool) -> None:
        self._command(CommandKind.RESUME, who, number, tree=tree)

    @rule(who=WHO, number=NUMBER)
    def step(self, who: int, number: int) -> None:
        self._command(CommandKind.STEP, who, number)

    @rule(who=WHO, number=NUMBER, which=st.sets(st.integers(0, 3)))
    def set_breakpoints(self, who: int, number: int, which: set[int]) -> None:
        nodes = list(self._chosen(who).nodes) if self.models else []
        names = [nodes[each] for each in sorted(which) if each < len(nodes)]
        self._command(CommandKind.BREAKPOINTS, who, number, breakpoints=names)

    @rule(who=WHO, number=NUMBER, certain=st.integers(0, 2))
    def stop(self, who: int, number: int, certain: int) -> None:
        """Not as often as the rest: nothing comes after it."""
        if certain == 2:
            self._command(CommandKind.STOP, who, number)

    @rule(
        who=WHO,
        number=NUMBER,
        name=st.sampled_from(("paid", "late", "other")),
        value=st.sampled_from((1, "one")),
    )
    def signal(self, who: int, number: int, name: str, value: object) -> None:
        self._command(CommandKind.SIGNAL, who, number, name=name, value=value)

    @rule(who=WHO, nodes=st.sets(st.integers(0, 3)), start=st.booleans())
    def fork(self, who: int, nodes: set[int], start: bool) -> None:
        if self.models and self._has_room():
            model = self._chosen(who)
            names = [name for n, name in enumerate(model.nodes) if n in nodes]
            fork = self.place.service.fork(LOCAL, model.id, nodes=names, start=start)
            self._forked(model, self._run(fork))

    @rule(who=WHO, start=st.booleans())
    def retry(self, who: int, start: bool) -> None:
        if self.models and self._has_room():
            model = self._chosen(who)
            try:
                forked = self._run(self.place.service.retry(LOCAL, model.id, start=start))
            except BadInput:
                failed = EventType.NODE_FAILED in [each.type for each in self.events[model.id]]
                assert not failed and model.status not in (Status.FAILED, Status.STOPPED)
            else:
                self._forked(model, forked)

    # What workers do.

    @rule(worker=WORKER, who=WHO)
    def work(self, worker: int, who: int) -> None:
        if self.models:
            self._run(self.place.work(worker, self._queued(who)))

    @rule(worker=WORKER)
    def work_off(self, worker: int) -> None:
        """All that is queued now, one after the other."""
        for model in list(self.models.values()):
            self._run(self.place.work(worker, model.id))

    @rule(worker=WORKER, who=WHO, appends=st.integers(0, 4), committed=st.booleans())
    def work_and_die(self, worker: int, who: int, appends: int, committed: bool) -> None:
        if self.models:
            queued = self._queued(who)
            work = self.place.work(worker, queued, dies_after=appends, committed=committed)
            self._run(work)

    @rule()
    def let_go(self) -> None:
        """Bodies that wait at the door end."""
        self.bodies.let_go()
        self._run(self.place.after(asyncio.sleep(0)))

    @rule(worker=WORKER)
    def kill(self, worker: int) -> None:
        self._run(self.place.kill(worker))

    @rule(worker=WORKER)
    def suspect(self, worker: int) -> None:
        self._run(self.place.suspect(worker))

    @rule()
    def adopt(self) -> None:
        self._run(self._adopt())

    async def _adopt(self) -> None:
        for process in self.place.gone:
            for lease in await self.backend.fleet.leases(process.row.id):
                self.models[lease.execution_id].losses += 1
        await self.place.after(self.place.adopt())

    @rule(worker=WORKER)
    def drain(self, worker: int) -> None:
        for execution_id in self.place.workers[worker].segments:
            self.models[execution_id].losses += 1
        self._run(self.place.drain(worker))

    @rule(errand=st.sampled_from(("tell_parents", "cascade", "wake_due")))
    def bring(self, errand: str) -> None:
        self._run(self.place.after(getattr(self.backend.errands, errand)()))

    @rule(hours=st.integers(1, 2))
    def move(self, hours: int) -> None:
        """Time goes on. Timers of running segments do not: they follow the real time."""
        if not self.place.is_running:
            self.backend.clock.move(hours * HOUR)

    # What is true after each.

    @invariant()
    def the_model_agrees(self) -> None:
        self._run(self._look())
        for (execution_id, node_id), calls in self.bodies.calls.items():
            model = self.models[execution_id]
            most = 1 if node_id == "launched" else model.nodes[node_id].tries + model.losses
            assert calls <= most, f"the effect of {node_id} came {calls} times"

    def teardown(self) -> None:
        """Whatever has happened: when nothing more goes wrong, all come to their ends."""
        try:
            if self.is_sound:
                self._run(self._bring_all_to_their_ends())
        finally:
            self._run(self.place.close())

    async def _bring_all_to_their_ends(self) -> None:
        for _ in range(PATIENCE):
            if all(model.status.is_terminal for model in self.models.values()):
                break
            await self._help()
        left = {m.id: (m.status, self.stored[m.id].dispatch) for m in self.models.values()}
        assert all(status.is_terminal for status, _ in left.values()), left
        await self.backend.errands.tell_parents()
        await self.backend.errands.cascade()
        await self._look()

    async def _help(self) -> None:
        """Do what the outside owes to everybody."""
        await self._adopt()
        for model in list(self.models.values()):
            await self._help_one(model)
            await self.place.work(0, model.id)
        self.bodies.let_go()
        await self.place.quiet()
        errands = self.backend.errands
        for bring in (errands.tell_parents, errands.cascade, errands.wake_due):
            await self.place.after(bring())
        if not self.place.is_running:
            self.backend.clock.move(HOUR)
        await self._look()

    async def _help_one(self, model: Model) -> None:
        for kind in (CommandKind.START, CommandKind.RESUME):
            if model.accepts(kind):
                await self._deliver(model, kind, f"{kind}-{len(model.inbox)}", {})
                await self._look()
        for node in model.nodes.values():
            if node.state == "waiting" and node.wait["kind"] == "signal":
                await self._deliver(
                    model, CommandKind.SIGNAL, f"help-{len(model.inbox)}",
                    {"name": node.wait["name"], "value": 1},
                )  # fmt: skip
                await self._look()

    # Between the system and the model.

    def _has_room(self) -> bool:
        return sum(model.parent is None for model in self.models.values()) < MOST

    def _chosen(self, who: int) -> Model:
        return list(self.models.values())[who % len(self.models)]

    def _queued(self, who: int) -> str:
        """One of those that are queued; any, if there is none."""
        ids = [i for i, s in self.stored.items() if s.dispatch.disposition is Disposition.QUEUED]
        return ids[who % len(ids)] if ids else self._chosen(who).id

    def _command(self, kind: CommandKind, who: int, number: int, **data: Any) -> None:
        """To somebody who accepts it, three times out of four, if there is one."""
        if self.models:
            willing = [model for model in self.models.values() if model.accepts(kind)]
            is_bold = number % 4 == 0 or not willing
            model = self._chosen(who) if is_bold else willing[who % len(willing)]
            at = list(self.models).index(model.id)
            self._run(self._deliver(model, kind, f"{at}-{number}", data))

    async def _deliver(
        self, model: Model, kind: CommandKind, command_id: str, data: dict[str, Any]
    ) -> None:
        """Send a command, and hear what the model says it is answered."""
        known = model.knows(command_id)
        fits = kind is not CommandKind.SIGNAL or self._fits(model, data["name"], data["value"])
        accepted = fits and (known or model.accepts(kind))
        if accepted and not known:
            model.promised.add(command_id)
            model.losses += bool(data.get("now"))
        self.is_sound = False
        name = "set_breakpoints" if kind is CommandKind.BREAKPOINTS else kind.value
        call = getattr(self.place.service, name)
        try:
            await self.place.after(call(LOCAL, model.id, command_id=command_id, **data))
        except (IllegalTransition, BadInput) as error:
            assert not accepted, error
            assert isinstance(error, IllegalTransition) is fits
        else:
            assert accepted, f"{kind} was accepted"

    def _fits(self, model: Model, name: str, value: object) -> bool:
        """Whether the door lets a signal in: a parked execution says what it waits for."""
        parked = self.stored[model.id].dispatch.disposition is Disposition.PARKED
        waits = [node.wait for node in model.nodes.values() if node.state == "waiting"]
        asked = [wait["schema"] for wait in waits if wait.get("name") == name]
        return not (parked and asked) or isinstance(value, int) or not asked[0]

    def _begin(self, execution_id: str, flow: Flow, parent: Model | None = None) -> Model:
        nodes = {node_id: NodeModel(fed) for node_id, fed in sources(flow).items()}
        model = Model(execution_id, nodes, parent)
        self.models[execution_id], self.events[execution_id] = model, []
        return model

    def _forked(self, old: Model, execution_id: str) -> None:
        nodes = {node_id: NodeModel(each.sources) for node_id, each in old.nodes.items()}
        fails = old.fails_with_child
        self.models[execution_id] = Model(execution_id, nodes, is_fork=True, fails_with_child=fails)
        self.events[execution_id] = []

    async def _look(self) -> None:
        """Tell the models what has happened, and ask them whether it may be."""
        self.is_sound = False
        changed: list[Model] = []
        for model in list(self.models.values()):
            stored = await self.backend.journal.get(model.id)
            assert stored is not None
            if stored != self.stored.get(model.id):
                assert not model.status.is_terminal or _same_end(stored, self.stored[model.id])
                self.stored[model.id] = stored
                changed.append(model)
        for model in changed:
            await self._tell(model)
        for model in changed:
            stored, events = self.stored[model.id], self.events[model.id]
            assert verify(stored, events) == []
            model.agrees(stored)
        self.is_sound = True

    async def _tell(self, model: Model) -> None:
        journal, known = self.backend.journal, self.events[model.id]
        for command in await journal.inbox(model.id, len(model.inbox)):
            model.delivered(command)
        for entry in await journal.read(model.id, len(known), 1_000):
            event = decode(entry)
            if event.type is EventType.CHILD_SPAWNED:
                await self._spawned(model, event)
            model.saw(event)
            known.append(event)

    async def _spawned(self, parent: Model, event: Event) -> None:
        child_id = event.data["executionId"]
        stored = await self.backend.journal.get(child_id)
        assert stored is not None, "a child was told of and is not there"
        flow = next(each for each in self.flows if each.id == stored.row.flow_id)
        child = self._begin(child_id, flow, parent)
        child.fails_with_child = parent.fails_with_child
        parent.children[child_id] = child
        self.stored[child_id] = stored
        await self._tell(child)


def _same_end(now: Stored, before: Stored) -> bool:
    """What has ended never changes: neither its row nor its journal."""
    return now.row == before.row and now.dispatch.next_position == before.dispatch.next_position
