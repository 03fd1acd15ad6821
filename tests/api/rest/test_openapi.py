"""The OpenAPI document, its page, and the reference."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator

from chaingraph.api import inputs
from chaingraph.api.app import build_app
from chaingraph.api.rest.bodies import body
from chaingraph.api.rest.commands import COMMANDS, DESCENDANTS
from tests.api.fake_service import FakeService
from tests.api.rest.calls import openapi_document

REFERENCE = Path(__file__).parents[3] / "docs" / "reference" / "rest.md"


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, path and description of each."""
    for path, found in openapi_document()["paths"].items():
        for method, operation in found.items():
            yield method.upper(), path, operation


def _name(value: Any) -> str:
    return str(value["operationId"]) if isinstance(value, dict) else str(value)


async def test_the_page_needs_nothing_of_the_internet(client: httpx.AsyncClient) -> None:
    page = await client.get("/docs")
    files = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(files) == 3 and all(each.startswith("/api/v1/") for each in files)
    for each in files:
        assert (await client.get(f"http://test{each}")).status_code == 200
    assert "'self'" in page.headers["content-security-policy"]


async def test_the_document_is_openapi_3_1_and_has_a_page() -> None:
    transport = httpx.ASGITransport(build_app(FakeService()))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        document = (await client.get("/api/v1/openapi.json")).json()
        assert document["openapi"].startswith("3.1.")
        assert document["servers"] == [{"url": "/api/v1"}]
        page = await client.get("/docs", follow_redirects=True)
        assert page.headers["content-type"].startswith("text/html")
        assert "/api/v1/openapi.json" in page.text


@pytest.mark.parametrize(("method", "path", "operation"), list(operations()), ids=_name)
def test_an_operation_is_described_with_its_errors(
    method: str, path: str, operation: dict[str, Any]
) -> None:
    responses = operation["responses"]
    assert operation["description"]
    assert {"400", "401", "500", "503"} <= set(responses)
    assert "422" not in responses
    assert ("403" in responses) == (
        path not in ("/catalog",) and (method, path) != ("GET", "/flows")
    )
    for status, response in responses.items():
        if int(status) >= 400:
            schema = response["content"]["application/json"]["schema"]
            assert schema == {"$ref": "#/components/schemas/Failure"}, status


@pytest.mark.parametrize(("method", "path", "operation"), list(operations()), ids=_name)
def test_an_operation_is_in_the_reference(
    method: str, path: str, operation: dict[str, Any]
) -> None:
    rows = re.findall(r"^\| `(\w+) (\S+?)` \|", REFERENCE.read_text(), re.M)
    assert rows.count((method, path)) == 1


def test_the_reference_has_no_other_operations() -> None:
    rows = re.findall(r"^\| `(\w+) (\S+?)` \|", REFERENCE.read_text(), re.M)
    assert set(rows) == {(method, path) for method, path, _ in operations()}


@pytest.mark.parametrize("each", [*COMMANDS, *DESCENDANTS], ids=lambda each: each.name)
def test_a_body_is_the_input_of_the_procedure_without_what_stands_elsewhere(each: Any) -> None:
    schema = body(each.input)["requestBody"]["content"]["application/json"]["schema"]
    Draft202012Validator.check_schema(schema)
    members = {field.alias for field in each.input.model_fields.values()}
    elsewhere = {"executionId", "commandId", "idempotencyKey", None}
    assert set(schema["properties"]) | elsewhere == members | elsewhere


def test_a_schema_says_that_null_is_not_the_same_as_absent() -> None:
    schema = inputs.Create.model_json_schema()
    assert schema["properties"]["idempotencyKey"] == {
        "title": "Idempotencykey",
        "type": "string",
        "maxLength": 255,
    }
    assert schema["properties"]["events"]["type"] == "array"
    assert "default" not in schema["properties"]["events"]
