"""Who may do what, by the table of `domain/permissions.py`: every role and every scope at every operation.

What is named does not exist, so that whoever is let in finds nothing there, and little is changed by it.
"""

from __future__ import annotations

import orjson
import pytest
from tests.matrix.asking import Answer, Operation, ask, operations
from tests.matrix.rows import ROWS
from tests.matrix.world import Credential, Scene
from tests.tenancy.world import ghost_of

from fairlead.api.openapi import document

pytestmark = pytest.mark.anyio
GUARDED = [operation for operation in operations() if ROWS[operation.name].permission is not None]
LET_IN = {200, 201, 204, 400, 404, 409, 412}


@pytest.mark.parametrize("operation", GUARDED, ids=lambda operation: operation.label)
async def test_exactly_who_has_the_permission_is_let_in(scene: Scene, operation: Operation) -> None:
    """Whoever has an operation's permission gets past its door, and everybody else is told what they lack."""
    row, ghost = ROWS[operation.name], ghost_of(scene.own)
    ids = operation.ids(row, ghost)
    if operation.names_an_organization:
        ids["organizationId"] = scene.own.organization_id
    for credential in scene.who:
        if row.spares_own and row.permission in credential.permissions:
            continue
        answer = await ask(scene.app, operation, ids=ids, way=row.ways[0], at=ghost, headers=credential.headers)
        assert as_it_should(answer, operation, credential), (credential.name, answer)


def as_it_should(answer: Answer, operation: Operation, credential: Credential) -> bool:
    """Tell whether somebody who asks inside the attackers' organization was answered rightly."""
    permission = ROWS[operation.name].permission
    said = orjson.loads(answer.body)["error"] if answer.status >= 400 else ""
    if not credential.is_valid:
        return answer.status == 401
    if credential.is_session and not operation.names_an_organization:
        return answer.status == 403 and "A session has no organization of its own" in said
    if credential.name == "a removed member of theirs":
        return answer.status == 404
    if permission in credential.permissions:
        return answer.status in LET_IN
    return answer.status == 403 and f"'{permission}'" in said


@pytest.mark.parametrize("operation", GUARDED, ids=lambda operation: operation.label)
def test_operations_say_what_they_need(operation: Operation) -> None:
    """The description of an operation names the scope that it needs, and no other."""
    described = document()["paths"][operation.path][operation.method.lower()]["description"]

    assert described.count("Scope: `") == 1
    assert f"Scope: `{ROWS[operation.name].permission}`" in described
