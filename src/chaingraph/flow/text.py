"""JSON and YAML text as plain data, or one clear sentence about what is wrong with it."""

from __future__ import annotations

import json
import re
from collections.abc import Hashable
from typing import Any, NoReturn

import yaml

from chaingraph.errors import UnreadableFlow

MAX_JSON = 64 * 1024 * 1024
MAX_YAML = 2 * 1024 * 1024


def parse_text(text: str, source: str) -> Any:
    """The data in a JSON or YAML text. Raises UnreadableFlow, with line and column.

    The ending of `source` decides; without one, what begins with a brace or bracket is JSON.
    """
    is_yaml = source.lower().endswith((".yaml", ".yml"))
    is_json = source.lower().endswith(".json") or text.lstrip()[:1] in ("{", "[")
    try:
        return _parse_json(text, source) if is_json and not is_yaml else _parse_yaml(text, source)
    except RecursionError:
        raise UnreadableFlow(source, "it is nested too deeply") from None


def _parse_json(text: str, source: str) -> Any:
    _check_size(text, source, MAX_JSON, "JSON")

    def refuse(constant: str) -> NoReturn:
        raise UnreadableFlow(source, f"{constant} is not JSON")

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        members = dict(pairs)
        if len(members) < len(pairs):
            raise UnreadableFlow(source, f"the key {_repeated(pairs)!r} occurs twice in one object")
        return members

    try:
        return json.loads(text, parse_constant=refuse, object_pairs_hook=unique)
    except json.JSONDecodeError as error:
        reason = f"{error.msg} at line {error.lineno}, column {error.colno}"
        raise UnreadableFlow(source, reason) from None
    except UnreadableFlow:
        raise
    except ValueError:
        raise UnreadableFlow(source, "it holds a number with thousands of digits") from None


def _repeated(pairs: list[tuple[str, Any]]) -> str:
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            break
        seen.add(key)
    return key


def _check_size(text: str, source: str, limit: int, kind: str) -> None:
    if len(text) > limit:
        reason = f"it has {len(text):,} characters; the limit for {kind} is {limit:,}"
        raise UnreadableFlow(source, reason)


def _parse_yaml(text: str, source: str) -> Any:
    _check_size(text, source, MAX_YAML, "YAML")
    try:
        return yaml.load(text, _Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        reason = f"{error.problem or error.context}{where}"
        raise UnreadableFlow(source, reason) from None
    except (yaml.YAMLError, ValueError) as error:
        raise UnreadableFlow(source, " ".join(str(error).split())) from None


class _Loader(yaml.SafeLoader):
    """YAML 1.2's core schema: `yes`, `no` and dates are texts, and keys are always texts.

    Aliases are refused, because a few lines of them can unfold to gigabytes.
    """

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        if node in self.constructed_objects or node in self.recursive_objects:
            _refuse("it is used twice, by an alias, which is not supported", node)
        return super().construct_object(node, deep)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        members: dict[Hashable, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                _refuse("a key must be a text", key_node)
            if key_node.value in members:
                _refuse(f"the key {key_node.value!r} occurs twice in one mapping", key_node)
            members[key_node.value] = self.construct_object(value_node, deep=deep)
        return members


def _refuse(problem: str, node: yaml.Node) -> NoReturn:
    raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)


_CORE_SCHEMA = {
    "null": (r"~|null|Null|NULL|", "~nN"),
    "bool": (r"true|True|TRUE|false|False|FALSE", "tTfF"),
    "int": (r"[-+]?(0|[1-9][0-9]*)", "-+0123456789"),
    "float": (
        r"[-+]?(\.[0-9]+|[0-9]+\.[0-9]*)([eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+",
        "-+.0123456789",
    ),
}
for _name, (_pattern, _first) in _CORE_SCHEMA.items():
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_name}", re.compile(rf"(?:{_pattern})\Z"), ["", *_first]
    )
