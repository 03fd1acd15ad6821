"""Records from the members that they have on the wire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final

from chaingraph.client.records import (
    Event,
    Execution,
    Root,
    Share,
    Status,
    TreeBatch,
    TreeEvent,
    TreeNode,
)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(map(str.capitalize, rest))


_MEMBERS: Final = {each.name: _camel(each.name) for each in fields(Execution)}


def read_execution(given: Mapping[str, Any]) -> Execution:
    """A server of another release may know members that we do not, and the other way round."""
    members: dict[str, Any] = {name: given.get(member) for name, member in _MEMBERS.items()}
    return Execution(**{**members, "status": Status(given["status"])})


def read_tree_node(given: Mapping[str, Any]) -> TreeNode:
    execution = read_execution(given["execution"])
    return TreeNode(given["id"], given["parentId"], given["level"], execution)


def read_root(given: Mapping[str, Any]) -> Root:
    return Root(read_execution(given["execution"]), given["levels"], given["totalNested"])


def read_share(given: Mapping[str, Any]) -> Share:
    return Share(
        given["id"], given["name"], given["createdAt"], given["expiresAt"], given.get("token")
    )


def read_event(given: Mapping[str, Any]) -> Event:
    index = given.get("index")
    position = -1 if index is None else index + 1
    return Event(position, index, given["type"], given["timestamp"], given["data"])


def read_tree_batch(given: Mapping[str, Any]) -> TreeBatch:
    events = (TreeEvent(each["executionId"], read_event(each["event"])) for each in given["events"])
    return TreeBatch(given["cursor"], tuple(events))
