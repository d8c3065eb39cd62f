from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from fairlead.api.mounting import ORGANIZATION
from fairlead.api.openapi import document

STATIC = Path(__file__).parent.parent.parent / "src/fairlead/api/static"


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every operation of the document."""
    for path, methods in document()["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def expected_statuses(method: str, path: str) -> set[str]:
    """What an operation can answer besides its success."""
    if not path.startswith("/api/"):
        return {"503"} if path == "/ready" else set()
    statuses = {"401", "403", "500", "503"}
    statuses |= {"400", "413", "415"} if method == "POST" else set()
    statuses |= {"404"} if "{" in path else set()
    statuses |= {"400"} if method == "GET" and path.endswith(("/queues", "/items")) else set()
    statuses |= {"409"} if path.endswith("/queues") and method == "POST" else set()
    statuses |= {"409"} if "/items/{itemId}/" in path else set()
    return statuses


def test_every_operation_documents_its_answers() -> None:
    """Every operation lists its success and every error it can answer, with the schema of errors and an example."""
    seen = 0
    for method, path, operation in operations():
        responses = operation["responses"]
        errors = {status for status in responses if status >= "400"}
        assert errors == expected_statuses(method, path), f"{method} {path}"
        assert len(responses) == len(errors) + 1
        for status in errors:
            content = responses[status]["content"]["application/json"]
            assert content["schema"] == {"$ref": "#/components/schemas/ErrorBody"}
            assert path == "/ready" or content["examples"]
        assert operation["description"]
        seen += 1
    assert seen == 26


def test_every_operation_has_a_name_of_its_own() -> None:
    """Operations are named for clients in camelCase, each once; the long address has the short name."""
    names = [operation["operationId"] for _, path, operation in operations()]
    short = {operation["operationId"] for _, path, operation in operations() if not path.startswith(ORGANIZATION)}
    long = {operation["operationId"] for _, path, operation in operations() if path.startswith(ORGANIZATION)}

    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"[a-z]+([A-Z][a-z]+)*", name) for name in names)
    assert {name.removesuffix("InOrganization") for name in long} <= short


def test_creating_answers_201_and_has_a_body() -> None:
    """What makes something answers 201; every POST describes the body it takes."""
    for method, path, operation in operations():
        creates = method == "POST" and path.endswith(("/queues", "/items", "/items/batch"))
        assert ("201" in operation["responses"]) == creates
        assert ("requestBody" in operation) == (method == "POST")


def test_key_is_documented() -> None:
    """Every operation needs a bearer key, except health."""
    made = document()

    assert made["openapi"].startswith("3.1")
    assert made["components"]["securitySchemes"]["apiKey"]["scheme"] == "bearer"
    assert made["security"] == [{"apiKey": []}]
    for _method, path, operation in operations():
        assert (operation.get("security") == []) == (not path.startswith("/api/"))
        assert ({"session": []} in operation.get("security", [])) == path.startswith(ORGANIZATION)


def test_bodies_document_their_limits() -> None:
    """The document carries the limits of fields and refuses unknown ones, in camelCase."""
    schemas = document()["components"]["schemas"]
    item, batch = schemas["EnqueueItem"], schemas["EnqueueBatch"]

    assert item["additionalProperties"] is False
    assert item["properties"].keys() == {
        "payload", "task", "priority", "scheduledFor", "delaySeconds", "maxAttempts", "tags"
    }  # fmt: skip
    assert batch["properties"]["items"]["maxItems"] == 1000
    assert item["properties"]["priority"]["maximum"] == 1_000_000
    assert not {"HTTPValidationError", "ValidationError"} & schemas.keys()


def test_references_lead_somewhere() -> None:
    """Every reference in the document names a schema that is in it."""
    made = document()
    names = re.findall(r"'\$ref': '#/components/schemas/(\w+)'", str(made))

    assert set(names) <= made["components"]["schemas"].keys()
    assert names


@pytest.mark.anyio
async def test_document_and_page_are_served_to_anybody(stranger: httpx.AsyncClient) -> None:
    """The document and its page need no key."""
    assert (await stranger.get("/openapi.json")).json() == document()
    page = await stranger.get("/docs")
    assert page.headers["content-security-policy"] == "default-src 'self'"
    for path in re.findall(r'(?:src|href)="([^"]+)"', page.text):
        assert (await stranger.get(path)).status_code == 200


def test_page_loads_nothing_from_elsewhere() -> None:
    """The page works without internet and under the strictest policy: nothing inline, nothing from another host."""
    for file in STATIC.iterdir():
        text = file.read_text()
        assert "http://" not in text
        assert "https://" not in text
        assert "innerHTML" not in text
    page = (STATIC / "docs.html").read_text()
    assert "<style" not in page
    assert not re.search(r"<script(?![^>]* src=)|\son\w+=", page)
