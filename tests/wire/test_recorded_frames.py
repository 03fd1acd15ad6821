"""A recorded conversation between a client of the original and its server."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from chaingraph import superjson
from chaingraph.api.app import SUPERJSON
from chaingraph.api.dialects import ORIGINAL
from chaingraph.api.failures import describe
from chaingraph.api.procedures import router
from chaingraph.execution.view import SeenEvent
from chaingraph.trpc.over_ws import Begin, Open, Send, Session
from chaingraph.trpc.wire import Wire
from tests.api.fake_service import FakeService

FRAMES = [
    json.loads(line)
    for line in (Path(__file__).parents[1] / "data" / "trpc-frames.jsonl").read_text().splitlines()
]
RECEIVED = [each["frame"] for each in FRAMES if each["dir"] == "in"]
SENT = [each["frame"] for each in FRAMES if each["dir"] == "out"]
CUSTOMS = {"ExecutionEventImpl", "BaseNode"}


def envelopes() -> list[Any]:
    answers = [frame for frame in RECEIVED if isinstance(frame, dict)]
    results = [frame["result"] for frame in answers if "result" in frame]
    errors = [frame["error"] for frame in answers if "error" in frame]
    return errors + [result["data"] for result in results if "data" in result]


def events() -> list[Any]:
    return [
        event.value
        for envelope in envelopes()
        for event in listed(superjson.loads(json.dumps(envelope), customs=CUSTOMS))
        if isinstance(event, superjson.Custom)
    ]


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


@pytest.mark.parametrize("envelope", envelopes())
def test_every_recorded_value_is_read_and_written_the_same(envelope: Any) -> None:
    value = superjson.loads(json.dumps(envelope), customs=CUSTOMS)
    assert superjson.encode(value) == envelope


def test_the_original_dialect_writes_the_recorded_events() -> None:
    recorded = events()
    assert len(recorded) == 8
    for event in recorded:
        data = superjson.loads(json.dumps(event["data"]), customs=CUSTOMS)
        time = datetime.fromisoformat(event["timestamp"])
        seen = SeenEvent(event["index"] + 1, event["index"], event["type"], time, data, False)
        assert ORIGINAL.form(seen) == superjson.Custom("ExecutionEventImpl", event)


def test_the_session_takes_the_recorded_requests() -> None:
    procedures = dict(router(FakeService(), ORIGINAL))
    del procedures["step"]  # the original had none, and that was recorded
    wire = Wire(procedures, SUPERJSON, describe)
    session = Session(wire, params_announced=True)
    begun, refused = [], []
    for frame in SENT:
        text = frame if isinstance(frame, str) else json.dumps(frame)
        for action in session.receive_text(text):
            match action:
                case Begin(call):
                    begun.append(call.path)
                case Send(answer):
                    refused.append(json.loads(answer))
                case Open(params):
                    assert params == {}
    assert begun[:3] == ["create", "subscribeToExecutionEvents", "start"]
    expected = [frame for frame in RECEIVED if isinstance(frame, dict) and frame.get("id") == 12]
    assert [each for each in refused if each["id"] == 12] == expected
