from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import pytest
from tests.fixtures.declared import compare, followed

from fairlead.api.mounting import ORGANIZATION
from fairlead.api.openapi import document
from fairlead.errors import FairleadError

# What anybody may call.
OPEN = {f"/api/auth/{name}" for name in ("sign-up", "verify", "sign-in", "sign-in/code", "request-reset", "reset")}
OPEN |= {f"/api/auth/invitations/{name}" for name in ("look-up", "sign-up")}
OPEN |= {f"/api/auth/providers{rest}" for rest in ("", "/{provider}/sign-in", "/{provider}/callback")}
STATIC = Path(__file__).parent.parent.parent / "src/fairlead/api/static"


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every operation of the document."""
    for path, methods in document()["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def needed_statuses(path: str, operation: dict[str, Any]) -> set[str]:
    """What an operation can answer, whatever it does, besides its success."""
    if not path.startswith("/api/"):
        return {"503"} if path == "/ready" else set()
    statuses = {"403", "500", "503"} | (set() if path in OPEN else {"401"})
    statuses |= {"400", "413", "415"} if "requestBody" in operation else set()
    statuses |= (
        {"400"} if any("schema" in named and named["in"] == "query" for named in _parameters(operation)) else set()
    )
    statuses |= {"404"} if "{" in path else set()
    statuses |= {"412"} if "If-Match" in {named["name"] for named in _parameters(operation)} else set()
    return statuses


def _parameters(operation: dict[str, Any]) -> list[dict[str, Any]]:
    parameters: list[dict[str, Any]] = operation.get("parameters", [])
    return parameters


def test_every_operation_documents_its_answers() -> None:
    """Every operation lists its success and the errors it can answer, with the schema of errors and an example."""
    for method, path, operation in operations():
        responses = operation["responses"]
        errors = {status for status in responses if status >= "400"}
        assert errors >= needed_statuses(path, operation), f"{method} {path}"
        redirects = {status for status in responses if status.startswith("3")}
        assert len(responses) == len(errors) + len(redirects) + 1
        for status in errors:
            content = followed(responses[status])["content"]["application/json"]
            assert content["schema"] == {"$ref": "#/components/schemas/ErrorBody"}
            assert path == "/ready" or content["examples"]
        assert operation["description"]
        assert not operation["summary"].endswith("in organization")
    assert len(list(operations())) > 40


def test_every_operation_has_a_name_of_its_own() -> None:
    """Operations are named for clients in camelCase, each once; the long address has the short name."""
    names = [operation["operationId"] for _, path, operation in operations()]
    short = {operation["operationId"] for _, path, operation in operations() if not path.startswith(ORGANIZATION)}
    long = {operation["operationId"] for _, path, operation in operations() if path.startswith(ORGANIZATION)}

    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"[a-z]+([A-Z][a-z]+)*", name) for name in names)
    assert {name.removesuffix("InOrganization") for name in long if name.endswith("InOrganization")} <= short
    of_people = {name for name in long if not name.endswith("InOrganization")}
    assert of_people == named_of("api-keys") | {"leaveOrganization"}


def named_of(tag: str) -> set[str]:
    """Return the names of a tag's operations."""
    return {operation["operationId"] for _, _, operation in operations() if operation["tags"] == [tag]}


def test_every_tag_is_described() -> None:
    """Operations are grouped by tags that the document describes, one each, and by no others."""
    used = [operation["tags"] for _, _, operation in operations()]

    assert all(len(tags) == 1 for tags in used)
    assert {tag for tags in used for tag in tags} == {tag["name"] for tag in document()["tags"]}


def test_every_answer_carries_the_id_of_its_request() -> None:
    """All answers have X-Request-Id; one thing made has Location, what can be edited ETag, a refusal how to sign in."""
    for _, _, operation in operations():
        for status, answer in operation["responses"].items():
            headers = followed(answer)["headers"]
            assert "X-Request-Id" in headers
            assert ("WWW-Authenticate" in headers) == (status == "401")
            one_made = status == "201" and not operation["operationId"].startswith("enqueueItems")
            assert ("Location" in headers) == (one_made or status == "303")
    editable = {operation["operationId"] for _, _, operation in operations() if "ETag" in str(operation["responses"])}
    assert {"readQueue", "updateQueue", "createQueue", "readSchedule", "readItem", "updateApiKey"} <= editable
    assert not {"listQueues", "completeItem", "deleteQueue"} & editable


def test_shared_answers_are_shown_by_examples_of_their_own() -> None:
    """An error that operations share has an example of each of its codes, which fits the one shape of errors."""
    shape = {"$ref": "#/components/schemas/ErrorBody", "components": document()["components"]}
    for name, answer in document()["components"]["responses"].items():
        examples = answer["content"]["application/json"]["examples"]
        assert name == "Or".join(code.title().replace("_", "") for code in examples)
        for code, example in examples.items():
            assert example["value"]["code"] == code
            jsonschema_rs.validate(shape, example["value"])


@pytest.mark.parametrize(
    ("status", "body", "headers", "complaint"),
    [
        (418, b"", {}, "answers 418"),
        (404, b'{"error": "", "code": "GONE", "details": {}, "requestId": ""}', {}, "GONE"),
        (404, b'{"error": "", "code": "NOT_FOUND", "details": {}}', {}, "requestId"),
        (200, b"{}", {b"etag": b"v"}, "data"),
        (200, b"<html>", {b"etag": b"v", b"content-type": b"text/html"}, "text/html"),
        (200, b"", {b"set-cookie": b"a=b"}, "set-cookie"),
        (200, b"{}", {}, "without headers"),
    ],
)
def test_an_answer_that_is_not_declared_is_noticed(
    *, status: int, body: bytes, headers: dict[bytes, bytes], complaint: str
) -> None:
    """What holds these tests' application to its document sees a status, code, field, type or header amiss."""
    operation = document()["paths"]["/api/queues/{queueId}"]["get"]
    with pytest.raises((AssertionError, jsonschema_rs.ValidationError), match=complaint):
        compare(operation, status, body, headers={b"content-type": b"application/json", **headers})


def test_what_is_one_of_some_is_told_as_such() -> None:
    """Codes, scopes and permissions are told by all that they can be, and the data of events have shapes."""
    schemas = document()["components"]["schemas"]
    permissions = schemas["RoleOut"]["properties"]["permissions"]["items"]["enum"]

    for shape in ("NewApiKey", "UpdateApiKey", "ApiKeyOut", "MadeApiKey"):
        assert set(schemas[shape]["properties"]["scopes"]["items"]["enum"]) == {*permissions} - {"keys:manage"}
    assert {"NOT_FOUND", "METHOD_NOT_ALLOWED", "INTERNAL"} < set(schemas["ErrorBody"]["properties"]["code"]["enum"])
    assert "LEASE_LOST" in schemas["RefusedOutcome"]["properties"]["code"]["enum"]
    assert schemas["QueueChanged"]["properties"].keys() > {"queueId", "waiting"}
    assert schemas["QueueRemoved"]["required"] == ["queueId"]


def test_only_what_sets_a_cookie_says_so() -> None:
    """Signing in or out, and what renews a session, may set a cookie; reading one's account does not."""
    setting = {operation["operationId"] for _, _, operation in operations() if "Set-Cookie" in str(operation)}

    assert {"signIn", "signOut", "changePassword", "finishProviderSignIn"} <= setting
    assert not {"readMe", "listSessions", "signUp", "listProviders"} & setting


def test_internal_errors_are_told_by_one_code() -> None:
    """What only an operator can mend is nowhere in the document but as INTERNAL."""
    assert FairleadError.code in str(document())
    assert not re.search(r"SETTINGS_INVALID|SCHEMA_OUTDATED|MIGRATION", str(document()))


def test_creating_is_a_post() -> None:
    """What answers 201 is a POST, and what changes something is told in a body or by the address alone."""
    for method, _, operation in operations():
        assert "201" not in operation["responses"] or method == "POST"
        assert "requestBody" not in operation or method in {"POST", "PATCH", "PUT"}
        assert "requestBody" in operation or method not in {"PATCH", "PUT"}


def test_creating_can_be_made_once() -> None:
    """What answers 201 in an organization takes an Idempotency-Key: write it with `Once` (api/once.py)."""
    for method, path, operation in operations():
        if "201" in operation["responses"] and path.startswith(ORGANIZATION):
            assert "Idempotency-Key" in {named["name"] for named in _parameters(operation)}, f"{method} {path}"
            assert {"409", "422"} <= operation["responses"].keys()


def test_key_is_documented() -> None:
    """Every operation needs a bearer key, except health."""
    made = document()

    assert made["openapi"].startswith("3.1")
    assert made["components"]["securitySchemes"]["apiKey"]["scheme"] == "bearer"
    assert made["security"] == [{"apiKey": []}]
    for _method, path, operation in operations():
        security = operation.get("security", [{"apiKey": []}])
        assert (security == []) == (not path.startswith("/api/") or path in OPEN)
        of_people = path.startswith("/api/auth/") and path not in OPEN
        assert ({"session": []} in security) == (of_people or path.startswith("/api/organizations"))


def test_bodies_document_their_limits() -> None:
    """The document carries the limits of fields and refuses unknown ones, in camelCase."""
    schemas = document()["components"]["schemas"]
    item, batch = schemas["EnqueueItem"], schemas["EnqueueBatch"]

    assert item["additionalProperties"] is False
    assert item["properties"].keys() == {
        "payload", "task", "priority", "scheduledFor", "delaySeconds", "maxAttempts", "tags", "orderingKey",
        "uniqueKey", "uniqueWhile", "uniqueSeconds", "onConflict"
    }  # fmt: skip
    assert batch["properties"]["items"]["maxItems"] == 1000
    assert item["properties"]["priority"]["maximum"] == 1_000_000
    assert not {"HTTPValidationError", "ValidationError"} & schemas.keys()


def test_what_is_changed_has_no_defaults() -> None:
    """A field of a change that is not given stays, so the document tells no default that it would have."""
    schemas = document()["components"]["schemas"]
    changes = [schemas[name] for name in ("UpdateQueue", "UpdateItem", "UpdateSchedule")]

    assert all("default" not in field for change in changes for field in change["properties"].values())
    assert all("required" not in change for change in changes)


def test_what_is_sent_tells_its_defaults_by_words() -> None:
    """No field of a body has a `default`, which generators of clients take for required; its description has it."""
    schemas = document()["components"]["schemas"]

    assert schemas["EnqueueItem"]["required"] == ["payload"]
    assert schemas["EnqueueItem"]["properties"]["priority"]["description"].endswith("When not given: 0.")
    assert "default" not in str(schemas["EnqueueItem"]["properties"]["priority"].keys())
    assert "default" not in schemas["ItemFilter"]["properties"]["queueId"]


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
