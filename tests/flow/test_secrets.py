from __future__ import annotations

import copy
import json
import pickle
from dataclasses import replace
from typing import Any

import pytest

from chaingraph.errors import PortError
from chaingraph.flow.complete import complete
from chaingraph.flow.ports import Port
from chaingraph.flow.secrets import (
    FIELDS,
    MASK,
    Secret,
    has_open_default,
    holds_secrets,
    is_sealed,
    masked,
    sealed_value,
    secret_value,
)
from chaingraph.flow.transfer import normalise
from chaingraph.flow.validate import check
from chaingraph.nodes import builtin_catalog
from tests.flow.kinds import obj, port

SEALED = {"encrypted": "eA==", "hkdfNonce": "eQ==", "publicKey": "eg=="}
PLAIN = "sk-very-secret"


def of_type(secret_type: str | None) -> Port:
    return port("key", "secret", **({} if secret_type is None else {"secretType": secret_type}))


def account(**more: Any) -> Port:
    return port("account", "object", **obj(name={"type": "string"}, key={"type": "secret"}), **more)


def test_a_secret_shows_itself_to_nobody_by_accident() -> None:
    secret = Secret(PLAIN)
    for shown in (repr(secret), str(secret), f"{secret}", f"{[secret]}", f"{secret!r}"):
        assert PLAIN not in shown
        assert MASK in shown
    for write in (json.dumps, pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError) as caught:
            write(secret)
        assert PLAIN not in str(caught.value)


def test_a_body_asks_for_the_text_or_for_the_fields() -> None:
    assert Secret(PLAIN).reveal() == PLAIN
    assert Secret({"apiKey": PLAIN}).reveal() == PLAIN
    pair = Secret({"key": "a", "passphrase": "b"})
    assert pair.fields["passphrase"] == "b"
    with pytest.raises(ValueError, match="2 fields"):
        pair.reveal()
    assert pair == Secret({"passphrase": "b", "key": "a"})
    assert pair != Secret("a")


@pytest.mark.parametrize("secret_type", FIELDS)
def test_a_text_is_the_only_field_of_its_type(secret_type: str) -> None:
    (name,) = FIELDS[secret_type]
    whole = {name: PLAIN}
    for given in (PLAIN, whole, Secret(PLAIN), Secret(whole)):
        assert secret_value(of_type(secret_type), given) == whole


def test_a_type_that_is_not_known_has_any_fields() -> None:
    fields = {"apiKey": "a", "secretKey": "b"}
    assert secret_value(of_type("OkxDexApi"), fields) == fields
    assert secret_value(of_type("OkxDexApi"), Secret(fields)) == fields
    with pytest.raises(PortError, match="texts by name; got str"):
        secret_value(of_type("OkxDexApi"), PLAIN)


def test_what_is_sealed_stays_as_it_is() -> None:
    assert is_sealed(SEALED)
    assert secret_value(of_type("openai"), SEALED) == SEALED
    assert secret_value(of_type("openai"), Secret("x", SEALED)) == SEALED
    for other in ({**SEALED, "more": "x"}, {**SEALED, "publicKey": 1}, {}, None, "x"):
        assert not is_sealed(other)


@pytest.mark.parametrize("given", [5, True, [PLAIN], {}, {"password": PLAIN}, {"apiKey": 5}])
def test_what_is_no_secret_is_refused_and_not_shown(given: Any) -> None:
    with pytest.raises(PortError, match="port key: expected a secret") as caught:
        normalise(of_type("openai"), given)
    assert PLAIN not in str(caught.value)


@pytest.mark.parametrize(
    "holder",
    [
        account(),
        port("all", "array", itemConfig={"type": "secret"}),
        port("text", "number", sensitive=True),
        port("one", "enum", options=[{"id": "a"}], sensitive=True),
    ],
    ids=lambda each: each.id,
)
def test_a_port_with_secrets_in_it_does_not_show_what_does_not_fit(holder: Port) -> None:
    assert holds_secrets(holder)
    with pytest.raises(PortError) as caught:
        normalise(holder, PLAIN)
    assert PLAIN not in str(caught.value)


def test_secrets_are_sealed_where_they_lie() -> None:
    seen: list[Any] = []

    def seal(value: Any) -> dict[str, str]:
        seen.append(value)
        return SEALED

    value = normalise(account(), {"name": "n", "key": PLAIN, "more": 1})
    assert sealed_value(account(), value, seal) == {"name": "n", "key": SEALED, "more": 1}
    several = port("all", "array", itemConfig={"type": "secret"})
    assert sealed_value(several, normalise(several, [PLAIN, SEALED]), seal) == [SEALED, SEALED]
    text = port("text", "string", sensitive=True)
    assert sealed_value(text, PLAIN, seal) == SEALED
    assert normalise(text, SEALED) == SEALED
    assert seen == [{"value": PLAIN}, {"value": PLAIN}, PLAIN]
    assert sealed_value(text, "", seal) == ""
    assert sealed_value(text, None, seal) is None


def test_people_see_a_mask() -> None:
    assert masked({"a": [SEALED, 1], "b": {"c": SEALED}}) == {"a": [MASK, 1], "b": {"c": MASK}}


def test_a_secret_has_no_default_in_its_definition() -> None:
    assert not has_open_default(of_type(None))
    assert not has_open_default(port("p", "secret", defaultValue=""))
    assert has_open_default(port("p", "secret", defaultValue=PLAIN))
    assert has_open_default(account(defaultValue={"key": PLAIN}))
    assert not has_open_default(account(defaultValue={"name": "n"}))
    inner = obj(key={"type": "secret", "defaultValue": PLAIN})
    assert has_open_default(port("p", "object", **inner))
    assert has_open_default(
        port("p", "object", sensitive=True, **obj(a={"type": "string", "defaultValue": "x"}))
    )


def test_a_stored_port_is_sensitive_when_its_type_says_so() -> None:
    types = builtin_catalog()
    declared = types["UnencryptedSecret"].ports["unencryptedData"]
    stored = replace(
        declared, config={k: v for k, v in declared.config.items() if k != "sensitive"}
    )
    assert not holds_secrets(stored)
    flow = _flow({"unencryptedData": stored}, {"unencryptedData": {"value": PLAIN}})
    assert holds_secrets(complete(flow, types).nodes["a"].ports["unencryptedData"])


def test_a_flow_with_a_secret_in_a_definition_is_refused_without_showing_it() -> None:
    config = {"id": "text", "key": "text", "type": "secret", "defaultValue": PLAIN}
    flow = _flow({"text": Port.from_config(config)}, {})
    errors = check(flow, builtin_catalog(), strict=False).errors
    assert "port a.text: a secret has no default, only a value" in errors
    assert PLAIN not in str(errors)


def _flow(ports: dict[str, Port], values: dict[str, Any]) -> Any:
    from chaingraph.flow.model import Flow, Node

    return Flow("V2f", {}, {"a": Node("a", "UnencryptedSecret", {}, ports, values)}, ())
