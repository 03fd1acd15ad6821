"""Forms: what a value must look like, as JSON Schema (draft 2020-12).

A form is what a person fills in, or what a signal must bring. Editors draw it as an object port.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError, best_match
from referencing import Registry
from referencing.exceptions import Unresolvable

from chaingraph.flow.ports import JsonObject, Port, PortType

#: Knows no document but the schema itself, and fetches none.
_ALONE: Registry[Any] = Registry()
_SHOWN = 80


def schema_of(port: Port) -> dict[str, Any]:
    """The schema of the values that `port` is meant to hold."""
    said = {key: port.config[key] for key in ("title", "description") if port.config.get(key)}
    if port.default is not None:
        said["default"] = port.default
    return {**_type(port), **said}


def _type(port: Port) -> dict[str, Any]:
    match port.type:
        case PortType.STRING:
            return {"type": "string", **_limits(port, "minLength", "maxLength", "pattern")}
        case PortType.NUMBER:
            kind = "integer" if port.config.get("integer") else "number"
            return {"type": kind, **_limits(port, min="minimum", max="maximum")}
        case PortType.BOOLEAN:
            return {"type": "boolean"}
        case PortType.ENUM:
            return {"enum": list(port.options)} if port.options else {"type": "string"}
        case PortType.ARRAY:
            limits = _limits(port, minLength="minItems", maxLength="maxItems")
            items = schema_of(port.item) if port.item is not None else {}
            return {"type": "array", "items": items, **limits}
        case PortType.OBJECT:
            return _object(port)
        case PortType.STREAM | PortType.SECRET | PortType.ANY:
            return {}


def _limits(port: Port, *same: str, **renamed: str) -> dict[str, Any]:
    names = {**{key: key for key in same}, **renamed}
    return {
        name: port.config[key]
        for key, name in names.items()
        if port.config.get(key) not in (None, "")
    }


def _object(port: Port) -> dict[str, Any]:
    """An object whose properties nobody named may have any."""
    if not port.properties:
        return {"type": "object"}
    required = [key for key, each in port.properties.items() if each.required]
    return {
        "type": "object",
        "properties": {key: schema_of(each) for key, each in port.properties.items()},
        "additionalProperties": False,
        **({"required": required} if required else {}),
    }


def schema_problem(schema: Any) -> str | None:
    """Why `schema` is no schema to hold values against, in one sentence; None when it is."""
    if not isinstance(schema, Mapping):
        return f"A schema is an object, not {_short(schema)}"
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        return f"The schema is wrong: {_sentence(error, 'it')}"
    except RecursionError:
        return "The schema is nested too deeply"
    foreign = next((each for each in _references(schema) if not each.startswith("#")), None)
    return foreign and f"The schema refers to {foreign}, which is not part of it"


def misfit(schema: JsonObject, value: Any) -> str | None:
    """Why `value` does not fit, in one sentence that names the place; None when it fits.

    Nothing fits a schema that is at fault; the sentence then says so.
    """
    validator = Draft202012Validator(schema, registry=_ALONE)
    try:
        error = best_match(validator.iter_errors(value))
    except Unresolvable as unresolved:
        return f"The schema refers to {unresolved.ref}, which is not part of it"
    except RecursionError:
        return "The schema, or the value, is nested without end"
    except Exception as fault:  # what the check of schemas lets pass, as a pattern that is none
        return f"The schema cannot be used: {fault}"
    return None if error is None else _sentence(error, "the value")


def _references(schema: Any) -> Iterator[str]:
    rest = [schema]
    while rest:
        each = rest.pop()
        if isinstance(each, Mapping):
            found = (each.get("$ref"), each.get("$dynamicRef"))
            yield from (ref for ref in found if isinstance(ref, str))
            rest += each.values()
        elif isinstance(each, list):
            rest += each


def _sentence(error: ValidationError | SchemaError, whole: str) -> str:
    place = error.json_path.removeprefix("$").removeprefix(".") or whole
    # The library shows the whole value, of whatever size it is.
    message = error.message.replace(repr(error.instance), _short(error.instance))
    return f"{place}: {message[: 4 * _SHOWN]}"


def _short(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"
