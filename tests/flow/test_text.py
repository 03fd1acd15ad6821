from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaingraph.errors import UnreadableFlow
from chaingraph.flow.text import MAX_JSON, MAX_YAML, parse_text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("true", True),
        ("~", None),
        ("", None),
        ("12", 12),
        ("-3", -3),
        ("010", "010"),
        ("0x1f", "0x1f"),
        ("1:30", "1:30"),
        ("1.50", 1.5),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("2024-01-01", "2024-01-01"),
        ("'1'", "1"),
        ("{1: a}", {"1": "a"}),
        ("{yes: a}", {"yes": "a"}),
        ("[1, [2]]", [1, [2]]),
    ],
)
def test_yaml_means_what_it_looks_like(text: str, value: object) -> None:
    parsed = parse_text(text, "x.yaml")
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize(
    ("text", "source", "reason"),
    [
        ('{"a": }', "x", "line 1, column 7"),
        ('{\n"a": 1,\n}', "x.json", "line 3, column 1"),
        ("", "x.json", "line 1, column 1"),
        ('{"a": 1, "a": 2}', "x", "key 'a' occurs twice"),
        ('{"a": NaN}', "x", "NaN is not JSON"),
        ('{"a": ' + "9" * 5000 + "}", "x", "thousands of digits"),
        ("[" * 100_000, "x", "nested too deeply"),
        ("a: [", "x.yaml", "line 1, column 5"),
        ("a: 1\na: 2", "x.yml", "key 'a' occurs twice in one mapping at line 2, column 1"),
        ("a: &x [1]\nb: *x", "x.yaml", "alias.* at line 1, column 4"),
        ("a: &x [*x]", "x.yaml", "alias"),
        ("? [1]\n: 2", "x.yaml", "a key must be a text"),
        ("a: !!python/object:os.system x", "x.yaml", "could not determine a constructor"),
        ("a: \x00", "x.yaml", "unacceptable character"),
        ("a: " + "[" * 5000, "x.yaml", "nested too deeply"),
        ("a: " + "9" * 5000, "x.yaml", "digits"),
    ],
)
def test_bad_text_is_refused_in_one_sentence(text: str, source: str, reason: str) -> None:
    with pytest.raises(UnreadableFlow, match=reason) as caught:
        parse_text(text, source)
    message = str(caught.value)
    assert message.startswith(f"{source} is not a flow: ")
    assert message.count("is not a flow") == 1
    assert "\n" not in message


@given(st.text(), st.sampled_from(["x.json", "x.yaml", "x"]))
def test_any_text_is_data_or_no_flow(text: str, source: str) -> None:
    with suppress(UnreadableFlow):
        parse_text(text, source)


def test_too_much_text_is_refused_at_once() -> None:
    with pytest.raises(UnreadableFlow, match="the limit for YAML"):
        parse_text("a" * (MAX_YAML + 1), "x.yaml")
    with pytest.raises(UnreadableFlow, match="the limit for JSON"):
        parse_text("{" + " " * MAX_JSON, "x.json")


def test_large_json_is_read() -> None:
    nodes = [{"id": str(at), "data": "x" * 1000} for at in range(20_000)]
    assert parse_text(json.dumps({"nodes": nodes}), "x") == {"nodes": nodes}
