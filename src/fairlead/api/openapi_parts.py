"""What the OpenAPI document has beside the operations of the routes: tags, security, headers, answers that are shared.

An error that several operations answer alike stands once under `components/responses`, named by its codes, so that the
document can be read, compared and made into clients.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from fairlead.api.cookies import COOKIE, LOOPBACK_COOKIE
from fairlead.api.mounting import ORGANIZATION
from fairlead.errors import FairleadError, kinds_below
from fairlead.wire.events import QueueChanged, QueueRemoved

Part = dict[str, Any]

TAGS: Final = {
    "auth": "Signing up, in and out; sessions, passwords and second factors of one's own account.",
    "organizations": "Reading and changing organizations, and what they may use.",
    "members": "Who belongs to an organization, and in which roles.",
    "users": "The people of an organization.",
    "invitations": "Asking others to join an organization.",
    "roles": "What members may do.",
    "api-keys": "Credentials of programs.",
    "audit": "Who changed what.",
    "events": "What happens in an organization, as it happens.",
    "items": "Putting items into queues, reading and changing them.",
    "leases": "Working items: claim, renew, and say how it ended. Every outcome sends the lease of the claim back.",
    "queues": "Making, changing, pausing, emptying and removing queues.",
    "schedules": "Items enqueued by the clock.",
    "workers": "Who holds items now.",
    "health": "For load balancers and orchestrators; without credentials.",
}
_REFERENCE: Final = re.compile(r"#/components/schemas/(\w+)")
_SUCCESS: Final = {
    "200": "What was asked for.",
    "201": "It was made.",
    "202": "It will be done.",
    "204": "It was done; there is no body.",
    "303": "Go on there.",
}
_HEADERS: Final[Part] = {
    "RequestId": {
        "description": "The id of this request, which logs carry; yours, if you sent one in this header.",
        "schema": {"type": "string", "examples": ["k3f9x2m7q1w8e5r4t6y0u2i9"]},
    },
    "RateLimit-Limit": {
        "description": "How many requests a minute the closest limit lets in: the key's, the organization's or the "
        "address's.",
        "schema": {"type": "integer"},
    },
    "RateLimit-Remaining": {"description": "How many of them are left now.", "schema": {"type": "integer"}},
    "RateLimit-Reset": {"description": "In how many seconds all of them are.", "schema": {"type": "integer"}},
    "Location": {"description": "The address of what was made, or where to go on.", "schema": {"type": "string"}},
    "ETag": {"description": "The version of this; send it back in `If-Match`.", "schema": {"type": "string"}},
    "Idempotency-Replayed": {
        "description": "`true` when this is the first answer to the same `Idempotency-Key` again.",
        "schema": {"type": "string", "enum": ["true"]},
    },
    "Set-Cookie": {
        "description": "The session, where one asks for a cookie; or its end.",
        "schema": {"type": "string"},
    },
    "WWW-Authenticate": {"description": "How to say who you are.", "schema": {"type": "string"}},
}
_KEEPING: Final = frozenset(  # what may have a browser keep a cookie, or forget it
    {
        "signIn",
        "signInWithCode",
        "signOut",
        "signUpByInvitation",
        "beginProviderSignIn",
        "finishProviderSignIn",
        "changePassword",
        "confirmSecondFactor",
        "removeSecondFactor",
    }
)
_EVENTS: Final = (QueueChanged, QueueRemoved)
_SECURITY: Final[Part] = {
    "apiKey": {"type": "http", "scheme": "bearer", "description": "An API key: `flk_live_…` or `flk_test_…`."},
    "session": {"type": "http", "scheme": "bearer", "description": "The token of a session: `fls_…`."},
    "cookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": COOKIE,
        "description": "The same, kept by a browser. On one's own machine, asked over plain HTTP, the cookie is called "
        f"`{LOOPBACK_COOKIE}`.",
    },
}


def complete(made: Part) -> None:
    """Put into the document what the routes cannot know."""
    made["components"]["securitySchemes"] = _SECURITY
    made["components"]["headers"] = _HEADERS
    made["security"] = [{"apiKey": []}]
    made["components"]["schemas"] |= {kind.__name__: kind.model_json_schema(mode="serialization") for kind in _EVENTS}
    made["components"]["schemas"]["ErrorBody"]["properties"]["code"]["enum"] = _codes()
    for path, operation in operations_of(made):
        operation["summary"] = _sentence(operation["operationId"])
        if path.startswith(ORGANIZATION):
            operation.setdefault("security", [{"apiKey": []}, {"session": []}, {"cookie": []}])
        for status, answer in operation["responses"].items():
            wanted = _headers_of(status, answer, schemas=made["components"]["schemas"])
            wanted |= _headers_at(path, operation) if status < "400" else _limits_at(path)
            _complete_answer(status, answer, wanted)
    for name in _sent(made):
        _tell_defaults(made["components"]["schemas"][name])
    made["components"]["responses"] = _shared_errors(made)
    used = {tag for _, operation in operations_of(made) for tag in operation["tags"]}
    made["tags"] = [{"name": tag, "description": text} for tag, text in TAGS.items() if tag in used]


def operations_of(made: Part) -> Iterator[tuple[str, Part]]:
    """Yield the address and the description of every operation."""
    for path, methods in made["paths"].items():
        for operation in methods.values():
            yield path, operation


def _codes() -> list[str]:
    """Return the code of every error that somebody can be answered; what is ours to mend has the one of the root."""
    told = {kind.code for kind in kinds_below(FairleadError) if kind.status != FairleadError.status}
    return sorted({FairleadError.code, *told})


def _complete_answer(status: str, answer: Part, headers: dict[str, str]) -> None:
    if status < "400":
        answer["description"] = _SUCCESS[status]
    named = {name: {"$ref": f"#/components/headers/{part}"} for name, part in headers.items()}
    answer["headers"] = {**named, **answer.get("headers", {})}


def _headers_of(status: str, answer: Part, *, schemas: Part) -> dict[str, str]:
    """Return the headers of an answer, and what each is called under `components/headers`."""
    headers = {"X-Request-Id": "RequestId"}
    fields = _fields_of_one(answer, schemas)
    if status == "303" or (status == "201" and "id" in fields):
        headers["Location"] = "Location"
    if status == "401":
        headers["WWW-Authenticate"] = "WWW-Authenticate"
    if status < "400" and "updatedAt" in fields:  # it can be edited: api/versions.py
        headers["ETag"] = "ETag"
    return headers


def _headers_at(path: str, operation: Part) -> dict[str, str]:
    """Return the headers of what an operation answers when all is well."""
    headers = _limits_at(path)
    if operation["operationId"] in _KEEPING:
        headers["Set-Cookie"] = "Set-Cookie"
    if any(parameter["name"] == "Idempotency-Key" for parameter in operation.get("parameters", ())):
        headers["Idempotency-Replayed"] = "Idempotency-Replayed"
    return headers


def _limits_at(path: str) -> dict[str, str]:
    return {name: name for name in _HEADERS if name.startswith("RateLimit-") and path.startswith("/api/")}


def _fields_of_one(answer: Part, schemas: Part) -> Part:
    """Return the fields of the one thing that is answered; none where it is no such answer."""
    envelope = answer.get("content", {}).get("application/json", {}).get("schema", {}).get("$ref", "")
    inside = schemas.get(_name(envelope), {}).get("properties", {}).get("data", {}).get("$ref", "")
    fields: Part = schemas.get(_name(inside), {}).get("properties", {})
    return fields


def _sent(made: Part) -> set[str]:
    """Return the names of every shape that is in a body which a caller sends."""
    bodies = [operation["requestBody"] for _, operation in operations_of(made) if "requestBody" in operation]
    found, open_ends = set[str](), set(_REFERENCE.findall(str(bodies)))
    while open_ends:
        found |= open_ends
        open_ends = set(_REFERENCE.findall(str([made["components"]["schemas"][name] for name in open_ends]))) - found
    return found


def _tell_defaults(schema: Part) -> None:
    """Tell by words what a field is when it is not given: clients take a field that has a `default` for required."""
    for field in schema.get("properties", {}).values():
        default = field.pop("default", None)
        if default is not None:
            told = f"When not given: {json.dumps(default)}."
            field["description"] = f"{field['description']} {told}" if "description" in field else told


def _shared_errors(made: Part) -> Part:
    """Take the errors out of the operations, which refer to them from then on."""
    shared: Part = {}
    for _, operation in operations_of(made):
        for status, answer in operation["responses"].items():
            examples = answer.get("content", {}).get("application/json", {}).get("examples")
            if status >= "400" and examples:
                name = "Or".join(re.sub(r"_", "", code.title()) for code in examples)
                if shared.setdefault(name, answer) == answer:
                    operation["responses"][status] = {"$ref": f"#/components/responses/{name}"}
    return dict(sorted(shared.items()))


def _name(reference: str) -> str:
    return reference.rpartition("/")[2]


def _sentence(name: str) -> str:
    """Write an operation's name as people do: `enqueueItemInOrganization` is "Enqueue item"."""
    words = re.sub(r"([A-Z])", r" \1", name.removesuffix("InOrganization")).lower()
    return words[:1].upper() + words[1:]
