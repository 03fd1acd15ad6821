"""What a person gives to a command: flows in files, and values for ports."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from chaingraph.errors import BadInput, InvalidFlow, UnreadableFlow

if TYPE_CHECKING:
    from chaingraph.flow.model import Flow, NodeTypes
    from chaingraph.flow.ports import Port
    from chaingraph.flow.validate import Report

#: A file of more bytes is read by nobody: beyond it lies the limit for text.
MAX_FILE = 256 * 1024 * 1024


def names_file(text: str) -> bool:
    """Whether FLOW means a file; what is no file and looks like none is the id of a flow."""
    looks_like_one = "/" in text or text.lower().endswith((".json", ".yaml", ".yml"))
    return looks_like_one or Path(text).exists()


def read_flow_file(path: str, types: NodeTypes) -> Flow:
    """Raises UnreadableFlow, or InvalidFlow."""
    from chaingraph.flow.codec import parse_flow_text

    return parse_flow_text(_text(path), path, types)


def report_on(flow: Flow, path: str, types: NodeTypes) -> Report:
    """What is wrong with a flow of this file; one that was written by hand is judged strictly."""
    from chaingraph.flow.validate import check

    return check(flow, types, strict=_by_hand(path))


def _by_hand(path: str) -> bool:
    return path.lower().endswith((".yaml", ".yml"))


def read_valid_flow(
    path: str, types: NodeTypes, *, given: Sequence[str] = (), max_value_bytes: int
) -> tuple[Flow, dict[str, Any]]:
    """A flow that can be stored and run, and the values of the `--input` options.

    Raises BadInput with all that is wrong, before anything is written.
    """
    from chaingraph.execution.intake import prepare, with_inputs

    flow = read_flow_file(path, types)
    inputs = read_inputs(given, flow, types)
    if _by_hand(path):  # judged more strictly than `prepare` does
        report = report_on(with_inputs(flow, types, inputs), path, types)
        if report.errors:
            raise InvalidFlow(flow.id, report.errors)
    prepare(flow, types, inputs, max_value_bytes=max_value_bytes)
    return flow, inputs


def _text(path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            content = file.read(MAX_FILE + 1)  # never all of what may have no end
        if len(content) > MAX_FILE:
            raise UnreadableFlow(path, f"it has more than {MAX_FILE:,} bytes")
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UnreadableFlow(path, "it is no UTF-8 text") from None
    except OSError as error:
        raise BadInput(f"Cannot read {path}: {error.strerror}") from None


def read_inputs(given: Sequence[str], flow: Flow, types: NodeTypes) -> dict[str, Any]:
    """The values of `--input node.port=value`. Raises BadInput for the first that cannot be used.

    A text for ports that hold texts or secrets, JSON for all others; `@file` takes it from a
    file, and `@@` begins a text with one `@`.
    """
    from chaingraph.flow.complete import complete

    whole = complete(flow, types) if given else flow
    values: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            raise BadInput(f"--input {text}: expected NODE.PORT=VALUE")
        values[name] = _value(name, _content(value), _port(name, whole))
    return values


def read_json(option: str, text: str) -> Any:
    """The value of an option that takes JSON; `@file` takes it from a file. Raises BadInput."""
    content = _content(text)
    try:
        return json.loads(content, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise BadInput(f"""{option}: this is no JSON; a text is written '"like this"'""") from None


def _port(name: str, flow: Flow) -> Port:
    node_id, _, port_id = name.partition(".")
    node = flow.nodes.get(node_id)
    if node is None:
        _refuse(name, f"there is no node {node_id}; the nodes are {_some(flow.nodes)}")
    port = node.port(port_id)
    if port is None:
        inputs = [each.id for each in node.ports.values() if each.direction.takes_values]
        _refuse(name, f"{node_id} has no port {port_id!r}; its inputs are {_some(inputs)}")
    if not port.direction.takes_values:
        _refuse(name, "it is an output, it takes no values")
    return port


def _content(value: str) -> str:
    if value.startswith("@@") or not value.startswith("@"):
        return value.removeprefix("@") if value.startswith("@@") else value
    return _text(value[1:])


def _value(name: str, text: str, port: Port) -> Any:
    if port.type in ("string", "enum"):
        return text
    if port.type == "secret" and not text.lstrip().startswith("{"):
        return text.rstrip("\r\n")  # most files end with a line break, and no secret does
    try:
        return json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        hint = """; a text is written '"like this"'""" if port.type == "any" else ""
        _refuse(name, f"the port holds {port.type} values, and this is no JSON{hint}")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _refuse(name: str, reason: str) -> NoReturn:
    raise BadInput(f"--input {name}: {reason}")


def _some(names: Sequence[str] | Any, limit: int = 12) -> str:
    shown = list(names)
    more = f" and {len(shown) - limit} more" if len(shown) > limit else ""
    return (", ".join(shown[:limit]) or "none") + more
