"""Every operation, aimed at another organization's things in every way, by everybody: as if there were nothing.

`application` leaves only the application's own checks (every transaction has the fleet's role, which sees everything),
`row security` only the database's (the application believes to be in the victim's organization, the transaction is in
the attacker's), `both` is how it runs. Where one wall is gone only those try who get past the permissions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields

import pytest
import structlog
from tests.matrix.asking import Answer, Operation, ask, operations
from tests.matrix.row import Way
from tests.matrix.rows import ROWS
from tests.matrix.world import Credential, Scene, everything_of
from tests.tenancy.world import FLEET, MARK, Target, ghost_of

from fairlead.db import session as transactions
from fairlead.db.tenancy import Scope, entering
from fairlead.services import access

pytestmark = pytest.mark.anyio
ALL = list(operations())
MIGHTY = {"owner", "a key with every scope"}
_EACH_TIME = re.compile(r"\b[a-z][0-9a-z]{23}\b|\d{4}-\d\d-\d\dT[0-9:.]+Z|flk_\w+|[\w-]{60,}=*")
_OF_THE_BODY = {b"content-length", b"etag"}
MODES = ("both", "application", "row security")


def test_every_operation_has_a_row() -> None:
    """An operation without a row is a hole that nobody looked into: add it to tests/matrix/rows.py."""
    assert {operation.name for operation in ALL} == ROWS.keys()


def walls(monkeypatch: pytest.MonkeyPatch, mode: str, own: Target, victim: Target) -> None:
    """Take one of the two walls away."""
    if mode == "application":
        monkeypatch.setattr(transactions, "entering", lambda _scope: entering(FLEET))
    if mode == "row security":
        monkeypatch.setattr(access, "tenant", lambda _organization_id: victim.scope)

        def truthfully(scope: Scope) -> str:
            return entering(own.scope if scope == victim.scope else scope)

        monkeypatch.setattr(transactions, "entering", truthfully)


@pytest.mark.parametrize("operation", ALL, ids=lambda operation: operation.label)
@pytest.mark.parametrize("mode", MODES)
async def test_theirs_is_as_unknown_as_nothing(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, operation: Operation, mode: str
) -> None:
    """Aimed at the victim an operation says, byte for byte, what it says of nothing, and leaves everything as it is."""
    before = await everything_of(scene.database, scene.victim)
    walls(monkeypatch, mode, scene.own, scene.victim)
    with structlog.testing.capture_logs() as logs:
        for credential in scene.who:
            if mode == "both" or credential.name in MIGHTY:
                await say_nothing(scene, operation, credential, mode)
    monkeypatch.undo()
    assert MARK not in str(logs)
    assert await everything_of(scene.database, scene.victim) == before


async def say_nothing(scene: Scene, operation: Operation, credential: Credential, mode: str) -> None:
    """Aim in every way at the victim and at a ghost; fail where the two answers tell them apart, or show anything."""
    row, ghost = ROWS[operation.name], ghost_of(scene.victim)
    for way, whose in aims(operation, scene.own):
        theirs, nobodys = [
            await ask(scene.app, operation, ids=named(operation, at, whose), way=way, at=at, headers=credential.headers)
            for at in (scene.victim, ghost)
        ]
        assert MARK.encode() not in theirs.body + repr(theirs.headers).encode()
        assert theirs.status != 500 or mode == "row security"  # which raises errors that nothing expects
        alike = faceless(theirs, scene.victim, ghost) == faceless(nobodys, scene.victim, ghost)
        assert row.hint or alike, (credential.name, way, theirs, nobodys)


def faceless(answer: Answer, *asked: Target) -> Answer:
    """Return an answer without what was asked for by name, and without what differs each time something is done."""
    headers = [header for header in answer.headers if answer.status >= 400 or header[0] not in _OF_THE_BODY]
    whole = str(headers) + answer.body.decode()
    for name in (getattr(at, field.name) for at in asked for field in fields(at) if field.name != "lease"):
        whole = whole.replace(name, "NAME")
    return Answer(answer.status, (), (whole if answer.status >= 400 else _EACH_TIME.sub("ONCE", whole)).encode())


def aims(operation: Operation, own: Target) -> Iterator[tuple[Way, Target | None]]:
    """Yield every way of a row, with whose organization the path names: that of what is aimed at (None), or one's own.

    An address that names no organization is the own one's.
    """
    row = ROWS[operation.name]
    for way in row.ways:
        if operation.names_an_organization:
            yield way, None
        if not row.spares_own:
            yield way, own


def named(operation: Operation, at: Target, whose: Target | None) -> dict[str, str]:
    """Return the ids of the path."""
    ids = operation.ids(ROWS[operation.name], at)
    if whose is not None and operation.names_an_organization:
        ids["organizationId"] = whose.organization_id
    return ids
