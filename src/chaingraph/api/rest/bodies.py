"""The bodies of requests as OpenAPI has them: the inputs of the procedures, less what the path
and the headers say."""

from __future__ import annotations

from typing import Any

from chaingraph.api.inputs import Input
from chaingraph.api.rest.failures import JSON

_ELSEWHERE = ("executionId", "commandId", "idempotencyKey")


def body(model: type[Input], **more: dict[str, Any]) -> dict[str, Any]:
    """Such a body; `more` are the schemas of further members."""
    schema = model.model_json_schema()
    inner = schema.pop("$defs", {})
    for name in _ELSEWHERE:
        schema["properties"].pop(name, None)
    schema["properties"] |= more
    required = [name for name in schema.pop("required", ()) if name not in _ELSEWHERE]
    if required:
        schema["required"] = required
    return described(_inlined(schema, inner), required=bool(required))


def described(schema: dict[str, Any], *, required: bool) -> dict[str, Any]:
    return {"requestBody": {"required": required, "content": {JSON: {"schema": schema}}}}


def _inlined(schema: Any, inner: dict[str, Any]) -> Any:
    """The schema with its references replaced by what they mean."""
    match schema:
        case {"$ref": str(name), **rest}:
            return {**_inlined(inner[name.rpartition("/")[2]], inner), **rest}
        case dict():
            # Pydantic's titles only say the names again; a member named so is no text.
            kept = {k: v for k, v in schema.items() if not (k == "title" and isinstance(v, str))}
            return {key: _inlined(each, inner) for key, each in kept.items()}
        case list():
            return [_inlined(each, inner) for each in schema]
    return schema
