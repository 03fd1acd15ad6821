"""Commands come into inboxes: lines 2 to 6 of the transition table, for one row or many."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from chaingraph.durable import tables as t
from chaingraph.durable.dispatch import Dispatcher
from chaingraph.durable.rows import delivery_row, folded_of
from chaingraph.durable.transitions import End, end_all, update, wake_all
from chaingraph.errors import IllegalTransition
from chaingraph.execution import endings
from chaingraph.execution.commands import LEADS_TO, Answer, Effect, effect_of
from chaingraph.execution.records import Command, CommandKind, Disposition, Segment, Stored

#: By execution: the ids of the commands that it knows, and the kinds of what it has not applied.
Known = defaultdict[str, set[str]]
Unread = defaultdict[str, list[CommandKind]]


@dataclass(slots=True)
class Delivery:
    """Commands for a locked execution, in order, and what became of each."""

    to: Stored
    commands: Sequence[Command]
    answers: list[Answer | IllegalTransition] = field(default_factory=list)
    woke: Segment | None = None
    kept: list[Command] = field(default_factory=list)
    effect: Effect = Effect.RING


def deliver(
    connection: Connection, dispatcher: Dispatcher, deliveries: Sequence[Delivery], at: int
) -> None:
    """Judge each command, keep it in the inbox and wake or end the execution."""
    known, unread = _inboxes(connection, deliveries)
    for each in deliveries:
        _judge(each, known[each.to.row.id], unread[each.to.row.id], at)
    moved = [each for each in deliveries if each.kept]
    if moved:
        rows = [delivery_row(each.to.row.id, c) for each in moved for c in each.kept]
        connection.execute(sa.insert(t.inbox), rows)
        update(connection, [_counted(each.to) for each in moved])
    woken = [each for each in moved if each.effect is Effect.WAKE]
    segments = wake_all(connection, [each.to for each in woken], at)
    for each, segment in zip(woken, segments, strict=True):
        dispatcher.enqueue(connection, segment)
        each.woke = segment
    end_all(connection, [_end(each, at) for each in moved if each.effect is Effect.END])


def _inboxes(connection: Connection, deliveries: Sequence[Delivery]) -> tuple[Known, Unread]:
    wanted = sorted({command.id for each in deliveries for command in each.commands})
    given = {"ids": [each.to.row.id for each in deliveries], "wanted": wanted}
    known, unread = Known(set), Unread(list)
    for row in connection.execute(_KNOWN_OR_UNREAD, given):
        known[row.execution_id].add(row.command_id)
        if row.is_unread:
            unread[row.execution_id].append(CommandKind(row.kind))
    return known, unread


def _judge(delivery: Delivery, known: set[str], unread: list[CommandKind], at: int) -> None:
    for command in delivery.commands:
        if command.id in known:
            delivery.answers.append(Answer(repeated=True))
            continue
        try:
            effect = effect_of(command, delivery.to, unread)
        except IllegalTransition as refusal:
            delivery.answers.append(refusal)
            continue
        known.add(command.id)
        unread.append(command.kind)
        _take(delivery, command, effect, at)


#: What an execution is after a delivery, for those that follow it in the same transaction.
_BECOMES = {Effect.WAKE: Disposition.QUEUED, Effect.END: Disposition.DONE}


def _take(delivery: Delivery, command: Command, effect: Effect, at: int) -> None:
    """Count it in."""
    before = delivery.to.dispatch
    after = replace(
        before,
        disposition=_BECOMES.get(effect, before.disposition),
        inbox_seq=before.inbox_seq + 1,
        open_children=before.open_children - (command.kind is CommandKind.CHILD),
    )
    delivery.to = replace(delivery.to, dispatch=after)
    delivery.kept.append(replace(command, seq=after.inbox_seq, at=at))
    delivery.answers.append(Answer(woke=before.number + 1 if effect is Effect.WAKE else None))
    if effect is not Effect.RING:
        delivery.effect = effect


def _counted(found: Stored) -> dict[str, object]:
    d = found.dispatch
    return {"this": found.row.id, "inbox_seq": d.inbox_seq, "open_children": d.open_children}


def _end(delivery: Delivery, at: int) -> End:
    found, stop = delivery.to, delivery.kept[-1]
    position, folded = found.dispatch.next_position, folded_of(found.row)
    entry, folded = endings.cancelled(position, at, stop, folded)
    return End(found, entry, folded, found.dispatch.inbox_seq, stop)


def _known_or_unread() -> sa.CompoundSelect[Any]:
    """What is not applied in these executions' inboxes and moves their status, and what is among
    the `wanted`.

    Two reads by index: an inbox may be long.
    """
    e, i = t.executions.c, t.inbox.c
    ids = sa.bindparam("ids", type_=sa.Text, expanding=True)
    wanted = sa.bindparam("wanted", type_=sa.Text, expanding=True)
    columns = (i.execution_id, i.seq, i.command_id, i.kind)
    unread = (
        sa.select(*columns, sa.true().label("is_unread"))
        .join_from(t.executions, t.inbox, i.execution_id == e.id)
        .where(e.id.in_(ids), i.seq > e.inbox_cur, i.kind.in_([each.value for each in LEADS_TO]))
    )
    known = sa.select(*columns, sa.false()).where(i.execution_id.in_(ids), i.command_id.in_(wanted))
    return unread.union_all(known).order_by("execution_id", "seq")


# Made once: making it costs more than running it.
_KNOWN_OR_UNREAD = _known_or_unread()
