"""Bodies full of canaries: for every operation one with a secret in each field for secrets, and a mark elsewhere."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from tests.fixtures.declared import followed

from fairlead.api.openapi import document

SECRET: Final = f"zqsecret{secrets.token_hex(8)}"  # a password or a token
PRIVATE: Final = f"zqprivate{secrets.token_hex(8)}"  # what a customer stores
_SECRET_FIELDS: Final = {"password", "currentPassword", "newPassword", "token", "challenge", "code"}


@dataclass(frozen=True)
class Question:
    """A request that holds canaries wherever one fits."""

    method: str
    path: str
    body: dict[str, Any] | None


def questions() -> Iterator[Question]:
    """Yield one for each operation below /api that comes to an end, about things that do not exist."""
    for path, methods in document()["paths"].items():
        for method, operation in methods.items():
            if path.startswith("/api/") and "text/event-stream" not in str(operation["responses"]):
                names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
                at = path.format(**dict.fromkeys(names, "k3f9x2m7q1w8e5r4t6y0u2i9"))
                yield Question(method.upper(), at, _body(operation))


def _body(operation: dict[str, Any]) -> dict[str, Any] | None:
    sent = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    if sent is None:
        return None
    shape = followed(sent)
    shape = followed(shape["anyOf"][0]) if "anyOf" in shape else shape
    return {name: SECRET if name in _SECRET_FIELDS else PRIVATE for name in shape["properties"]} | {"secret": SECRET}
