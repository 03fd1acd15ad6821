"""The types of the wire as TypeScript, for clients that are written in it.

python -m chaingraph.api.typescript > clients/typescript/src/router.ts
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeAlias, cast

from pydantic import BaseModel, TypeAdapter, create_model
from pydantic.alias_generators import to_camel

from chaingraph.api.dialects import PLAIN
from chaingraph.api.procedures import router
from chaingraph.api.schema.events import COMPACT, FULL
from chaingraph.api.schema.procedures import OUTPUTS, input_of
from chaingraph.api.service import Service
from chaingraph.trpc.router import Procedure, Router

Schema: TypeAlias = Mapping[str, Any]

_HEAD: Final = """\
// Made by `python -m chaingraph.api.typescript > clients/typescript/src/router.ts`: do not edit.

import type {
  TRPCBuiltRouter,
  TRPCDefaultErrorData,
  TRPCDefaultErrorShape,
  TRPCMutationProcedure,
  TRPCQueryProcedure,
  TRPCSubscriptionProcedure,
} from "@trpc/server";
"""
_EVENTS: Final = """\
/** The form of events: with whole nodes and edges, or with their ids and what has changed. */
export type View = "full" | "compact";

type EventWith<Data> = {
  [Type in keyof Data]: {
    /** Its position in the journal less one. `flow:snapshot` is in no journal. */
    index: Type extends "flow:snapshot" ? null : number;
    type: Type;
    timestamp: Date;
    data: Data[Type];
  };
}[keyof Data];

/** An event in the form of a view. Its `type` tells what is in its `data`. */
export type ChainGraphEvent<V extends View = "full"> = V extends "full"
  ? EventWith<FullData>
  : EventWith<CompactData>;

/** Events of a tree of executions, and the cursor that goes on after all of them. */
export interface TreeBatch<V extends View = "full"> {
  cursor: string;
  events: { executionId: string; event: ChainGraphEvent<V> }[];
}

/** A value, and the id with which a subscription goes on after it. */
export interface Tracked<Value> {
  id: string;
  data: Value;
}
"""
_ROUTER: Final = """\
/** What tRPC knows of a refusal. `zodError` tells which members of an input are wrong. */
export interface ChainGraphErrorShape extends TRPCDefaultErrorShape {
  data: TRPCDefaultErrorData & {
    zodError: { formErrors: string[]; fieldErrors: Record<string, string[]> } | null;
  };
}

type Types = { ctx: object; meta: object; errorShape: ChainGraphErrorShape; transformer: true };
type Query<Input, Output> = TRPCQueryProcedure<Definition<Input, Output>>;
type Mutation<Input, Output> = TRPCMutationProcedure<Definition<Input, Output>>;
type Subscription<Input, Value, V extends View> = TRPCSubscriptionProcedure<
  Definition<Viewed<Input, V>, AsyncIterable<Value>>
>;
/** The full view goes without saying. */
type Viewed<Input, V extends View> = Omit<Input, "view"> &
  (V extends "full" ? { view?: V } : { view: V });
type Definition<Input, Output> = { input: Input; output: Output; meta: object };

/** The procedures of the server. Its subscriptions send events in the view `V`. */
export type ChainGraphRouter<V extends View = "full"> = TRPCBuiltRouter<Types, Procedures<V>>;
"""
STREAMS: Final[Mapping[str, str]] = {
    "subscribeToExecutionEvents": "ChainGraphEvent<V>[]",
    "subscribeToTreeEvents": "Tracked<TreeBatch<V>>",
}
"""What the subscriptions send."""
_NAMED: Final = {
    "string": "string",
    "integer": "number",
    "number": "number",
    "boolean": "boolean",
    "null": "null",
    "date-time": "Date",
    "error": "Error",
}


def typescript(procedures: Router) -> str:
    """A module with the type of a router of these procedures.

    Raises LookupError for a procedure whose output is not declared.
    """
    inputs = {name: _input(name, each) for name, each in procedures.items()}
    outputs = {name: OUTPUTS[name] for name in procedures if name not in STREAMS}
    answers, models = _schemas(inputs, outputs)
    parts = [
        _HEAD,
        *(_declaration(name, schema) for name, schema in sorted(models.items())),
        _event_data("FullData", FULL),
        _event_data("CompactData", COMPACT),
        _EVENTS,
        _procedures(procedures, {name: _type(schema) for name, schema in answers.items()}),
        _ROUTER,
        _repeated_by(inputs),
    ]
    return "\n".join(parts)


def _schemas(
    inputs: Mapping[str, type[BaseModel]], outputs: Mapping[str, Any]
) -> tuple[Mapping[str, Schema], Mapping[str, Schema]]:
    """The schemas of the outputs, and of all models by their names."""
    events = {model.__name__: model for model in (*FULL.values(), *COMPACT.values())}
    taken = {**inputs, **events}.items()
    found, rest = TypeAdapter.json_schemas(
        [
            *((name, "validation", TypeAdapter(model)) for name, model in taken),
            *((name, "serialization", TypeAdapter(type_)) for name, type_ in outputs.items()),
        ],
        ref_template="{model}",
    )
    return {name: found[name, "serialization"] for name in outputs}, rest["$defs"]


def _input(name: str, procedure: Procedure) -> type[BaseModel]:
    """What the procedure takes, under a name that says so."""
    model = input_of(procedure)
    return create_model(_input_name(name), __base__=model, __doc__=model.__doc__)


def _input_name(procedure: str) -> str:
    return f"{procedure[:1].upper()}{procedure[1:]}Input"


def _procedures(procedures: Router, answers: Mapping[str, str]) -> str:
    lines = ["type Procedures<V extends View> = {"]
    for name, each in procedures.items():
        if each.kind == "subscription":
            types = f"{_input_name(name)}, {STREAMS[name]}, V"
        else:
            types = f"{_input_name(name)}, {answers[name]}"
        lines.append(f"  {name}: {each.kind.capitalize()}<{types}>;")
    return "\n".join([*lines, "};", ""])


def _repeated_by(inputs: Mapping[str, type[BaseModel]]) -> str:
    lines = [
        f'  {name}: "{to_camel(member)}",'
        for name, model in inputs.items()
        for member in ("idempotency_key", "command_id")
        if member in model.model_fields
    ]
    about = "/** The member of the input under which the server knows what comes again. */"
    head = "export const repeatedBy: Readonly<Record<string, string>> = {"
    return "\n".join([about, head, *lines, "};", ""])


def _event_data(name: str, models: Mapping[str, type[BaseModel]]) -> str:
    lines = [f'  "{type_}": {model.__name__};' for type_, model in models.items()]
    return "\n".join([f"export interface {name} {{", *lines, "}", ""])


def _declaration(name: str, schema: Schema) -> str:
    about = _comment(schema.get("description", ""))
    if schema.get("properties"):
        return f"{about}export interface {name} {{\n{_members(schema)}}}\n"
    return f"{about}export type {name} = {_type(schema)};\n"


def _comment(text: str) -> str:
    lines = text.splitlines()
    if len(lines) < 2:
        return f"/** {text} */\n" if text else ""
    return "".join(["/**\n", *(f" * {line}".rstrip() + "\n" for line in lines), " */\n"])


def _members(schema: Schema) -> str:
    needed = schema.get("required", ())
    return "".join(
        f"  {name}{'' if name in needed else '?'}: {_member(each)};\n"
        for name, each in schema["properties"].items()
    )


def _member(schema: Schema) -> str:
    """The type of a member. One that is null when it is absent is never null when it is there."""
    if schema.get("default", ...) is not None:
        return _type(schema)
    kinds = [kind for kind in schema.get("anyOf", ()) if kind != {"type": "null"}]
    return _union(kinds) if kinds else _type(schema)


def _type(schema: Schema) -> str:
    match schema:
        case {"$ref": str(name)}:
            return name
        case {"const": value}:
            return json.dumps(value)
        case {"enum": values}:
            return " | ".join(map(json.dumps, values))
        case {"anyOf": kinds}:
            return _union(kinds)
        case {"type": "array", "items": items}:
            inner = _type(items)
            return f"({inner})[]" if " " in inner else f"{inner}[]"
        case {"format": name} | {"type": name} if name in _NAMED:
            return _NAMED[name]
        case {"type": "object"}:
            return _dictionary(schema.get("additionalProperties", True))
    return "unknown"


def _union(kinds: Iterable[Schema]) -> str:
    return " | ".join(dict.fromkeys(map(_type, kinds)))


def _dictionary(values: Schema | bool) -> str:
    match values:
        case True:
            return "Record<string, unknown>"
        case False:
            return "Record<string, never>"
    return f"Record<string, {_type(values)}>"


if __name__ == "__main__":
    # Nothing is called: a router is asked only what its procedures take.
    sys.stdout.write(typescript(router(cast(Service, None), PLAIN)))
