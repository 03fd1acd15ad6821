"""Messages of a socket that are nearly right, alone and in arrays."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.fuzz.envelopes import envelopes
from tests.fuzz.feeding import feed_session
from tests.fuzz.pace import UNHURRIED
from tests.fuzz.values import json_values

METHODS = ("query", "mutation", "subscription", "subscription.stop", "connectionParams", "x")
ids = st.sampled_from([1, "1", 1.0, 2**70, "\ud800", None, True, [1]]) | json_values


def objects(**members: SearchStrategy[Any]) -> SearchStrategy[Any]:
    """Objects, each of whose members may be missing or be anything."""
    return st.fixed_dictionaries({}, optional={k: v | json_values for k, v in members.items()})


messages = objects(
    id=ids,
    method=st.sampled_from(METHODS),
    params=objects(
        path=st.sampled_from(["read", "write", "watch", "", "__proto__"]),
        input=envelopes(),
        lastEventId=st.just("7"),
    ),
    jsonrpc=st.just("2.0"),
    data=st.dictionaries(st.text(max_size=2), st.text(max_size=2)),
)


@UNHURRIED
@given(st.lists(messages | st.lists(messages, max_size=4), max_size=4))
def test_messages_that_are_nearly_right_break_nothing(sent: list[Any]) -> None:
    feed_session(b"\n".join(json.dumps(each).encode() for each in sent))
