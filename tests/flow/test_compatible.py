from __future__ import annotations

from typing import Any

import pytest

from chaingraph.flow.compatible import misfit
from chaingraph.flow.ports import Port
from tests.flow.kinds import obj, port


def array(item: str, **config: Any) -> Port:
    return port("p", "array", itemConfig={"type": item}, **config)


def thing(**properties: Any) -> Port:
    return port("p", "object", **obj(**properties))


NUMBER = {"type": "number"}
TEXT = {"type": "string"}


@pytest.mark.parametrize(
    ("source", "target"),
    [
        (port("p", "string"), port("p", "string")),
        (port("p", "enum"), port("p", "enum")),
        (port("p", "number"), port("p", "any")),
        (port("p", "any"), port("p", "any")),
        (port("p", "any"), port("p", "number")),
        (port("p", "any", underlyingType=NUMBER), port("p", "number")),
        (array("number"), array("number")),
        (array("number"), array("any")),
        (array("number"), array("string", isMutable=True)),
        (port("p", "stream", itemConfig=TEXT), port("p", "stream", itemConfig=TEXT)),
        (thing(a=NUMBER, b=TEXT), thing(a=NUMBER)),
        (thing(), thing(a={**NUMBER, "required": True})),
        (thing(a=NUMBER), port("p", "object", isSchemaMutable=True)),
        (port("p", "secret", secretType="openai"), port("p", "secret", secretType="openai")),
        (port("p", "secret"), port("p", "secret", secretType="openai")),
    ],
)
def test_these_fit(source: Port, target: Port) -> None:
    assert misfit(source, target) is None


@pytest.mark.parametrize(
    ("source", "target", "reason"),
    [
        (port("p", "string"), port("p", "number"), "string does not fit number"),
        (port("p", "number"), port("p", "string"), "number does not fit string"),
        (port("p", "enum"), port("p", "string"), "enum does not fit string"),
        (
            port("p", "any", underlyingType=TEXT),
            port("p", "number"),
            "string does not fit number",
        ),
        (array("string"), array("number"), "array items: string does not fit number"),
        (array("number"), port("p", "stream"), "array does not fit stream"),
        (
            port("p", "stream", itemConfig=TEXT),
            port("p", "stream", itemConfig=NUMBER),
            "stream items: string does not fit number",
        ),
        (thing(a=TEXT), thing(a=NUMBER), "property a: string does not fit number"),
        (thing(b=TEXT), thing(a={**NUMBER, "required": True}), "property a is missing"),
        (
            port("p", "secret", secretType="openai"),
            port("p", "secret", secretType="groq"),
            "a secret of type openai does not fit groq",
        ),
    ],
)
def test_these_do_not_fit(source: Port, target: Port, reason: str) -> None:
    assert misfit(source, target) == reason
