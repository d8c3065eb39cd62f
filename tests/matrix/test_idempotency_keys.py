from __future__ import annotations

from dataclasses import replace

import pytest
from tests.fixtures.sessions import sign_in
from tests.matrix.asking import Answer, Operation, ask, operations
from tests.matrix.row import Way
from tests.matrix.rows import ROWS
from tests.matrix.test_cross_tenant import MODES, faceless, walls
from tests.matrix.world import Credential, Scene, everything_of
from tests.tenancy.world import MARK, Target

from fairlead.api.openapi import document
from fairlead.domain.ids import new_id
from fairlead.domain.permissions import KEY_SCOPES

pytestmark = pytest.mark.anyio
ONCE = [
    operation
    for operation in operations()
    if "Idempotency-Key" in str(document()["paths"][operation.path][operation.method.lower()].get("parameters"))
]

# An invitation is made above all organizations, where row security hides nothing; a key is rotated once only.
CASES = [
    pytest.param(mode, operation, id=f"{mode}-{operation.label}")
    for mode in MODES
    for operation in ONCE
    if operation.name != "rotateApiKey" and (mode, operation.name) != ("row security", "createInvitation")
]


async def _asked(
    scene: Scene, operation: Operation, credential: Credential, *, at: Target, key: str, name: str
) -> Answer:
    """Ask under an idempotency key for something that is called `name`, aimed at somebody's things."""
    row = ROWS[operation.name]
    way = replace(row.ways[0], headers=lambda _: {"idempotency-key": key})
    ids = operation.ids(row, at)
    return await ask(scene.app, operation, ids=ids, way=_called(way, name), at=at, headers=credential.headers)


def _called(way: Way, name: str) -> Way:
    if way.body is None:
        return way
    given, called = way.body, {"name": name, "slug": new_id()}  # a slug is everybody's, and taken once asked for
    return replace(
        way, body=lambda at: {**given(at), **{field: called[field] for field in called if field in given(at)}}
    )


async def _first(scene: Scene, operation: Operation) -> Credential:
    """Return what the victim's owner shows where people ask, and where keys do."""
    session = await sign_in(scene.database, scene.victim.owner_id)
    token = session if _of_people(operation) else scene.victim.raw_key
    return Credential("the victim", token, frozenset(KEY_SCOPES))


def _second(scene: Scene, operation: Operation) -> Credential:
    name = "owner" if _of_people(operation) else "a key with every scope"
    return next(credential for credential in scene.who if credential.name == name)


def _of_people(operation: Operation) -> bool:
    return operation.names_an_organization or ROWS[operation.name].permission is None


@pytest.mark.parametrize(("mode", "operation"), CASES)
async def test_a_key_that_they_used_is_as_good_as_a_fresh_one(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, operation: Operation, mode: str
) -> None:
    """What the victim asked once is told to nobody else who asks the same under the same key, nor in anybody's way."""
    used, name = new_id(), new_id()
    first = await _asked(scene, operation, await _first(scene, operation), at=scene.victim, key=used, name=name)
    assert first.status in {201, 403}, first  # a key makes no keys
    before = await everything_of(scene.database, scene.victim)
    walls(monkeypatch, mode, scene.own, scene.victim)
    attacker = _second(scene, operation)
    for at in (scene.victim, scene.own) if operation.names_an_organization else (scene.own,):
        theirs = await _asked(scene, operation, attacker, at=at, key=used, name=name)
        fresh = await _asked(scene, operation, attacker, at=at, key=new_id(), name=new_id())
        assert MARK.encode() not in theirs.body + repr(theirs.headers).encode()
        assert faceless(theirs, at) == faceless(fresh, at)
    monkeypatch.undo()
    assert await everything_of(scene.database, scene.victim) == before
