"""Every change that the services of people, roles and queues make, and the audit trail it leaves: one line a change.

A new public function of one of these modules has to have a case here, or fail `test_every_change_has_a_case`.
"""

from __future__ import annotations

import inspect
from dataclasses import asdict
from typing import Any, Final
from unittest.mock import ANY

import orjson
import pytest
from tests.audit.cases import CASES, NOTHING, Event
from tests.audit.world import World, build
from tests.fixtures.items import FLEET
from tests.fixtures.people import actions, call, forget, tell

from fairlead.db.session import Database
from fairlead.queries.roles import get_role
from fairlead.services import members, organizations, queues, roles, schedules, users

pytestmark = pytest.mark.anyio

MODULES: Final = (organizations, users, queues, roles, members, schedules)
CHANGE_NOTHING: Final = {
    "members.keeping_an_owner",
    "members.refuse_mightier",
    "members.refuse_mightier_role",
    "members.version_of_roles",
    "schedules.preview_ticks",
}


@pytest.fixture
async def world(database: Database) -> World:
    """The world, with an empty trail."""
    async with database.unit_of_work(FLEET) as session:
        made = await build(session)
    await forget(database)
    return made


def test_every_change_has_a_case() -> None:
    """Each public function of these services that can change something is called here."""
    found = {
        f"{module.__name__.rpartition('.')[2]}.{name}"
        for module in MODULES
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__ and not name.startswith("_")
    }
    assert found - CHANGE_NOTHING == {name.split()[0] for name in CASES}
    assert found >= CHANGE_NOTHING


@pytest.mark.parametrize("name", CASES)
async def test_a_change_leaves_its_events(database: Database, world: World, *, name: str) -> None:
    """Each change leaves exactly its events: who, what, on whose behalf, and only what differs, before and after."""
    case = CASES[name]
    scope = case.scope(world)
    async with database.unit_of_work(scope) as session:
        made = await case.change(session, scope, world)

    expected = [told(event, world) for event in case.leaves(world, made)]
    found = [dict(row._mapping) for row in await tell(database, "select * from audit_events")]
    assert len(found) == len(expected)
    for event in expected:
        assert event in [{key: row[key] for key in event} for row in found]
    assert len({row["id"] for row in found}) == len(found)


@pytest.mark.parametrize("name", CASES)
async def test_a_change_undone_leaves_none(database: Database, world: World, *, name: str) -> None:
    """What is rolled back leaves no event."""
    case = CASES[name]
    scope = case.scope(world)

    class ChangedMyMindError(Exception):
        pass

    async def change_and_regret() -> None:
        async with database.unit_of_work(scope) as session:
            await case.change(session, scope, world)
            raise ChangedMyMindError

    with pytest.raises(ChangedMyMindError):
        await change_and_regret()
    assert await actions(database) == []


@pytest.mark.parametrize("name", NOTHING)
async def test_no_change_leaves_none(database: Database, world: World, *, name: str) -> None:
    """Where everything is already as it should be, nothing happened and nothing is told."""
    case = NOTHING[name]
    await call(database, case.scope(world), case.change, world)
    assert await actions(database) == []


async def test_deletions_keep_what_was(database: Database, world: World) -> None:
    """Of an organization or a role that is deleted for good the trail keeps every field but the time of the update."""
    role = await call(database, world.scope, get_role, role_id=world.role_id)
    await call(database, world.scope, roles.delete_role, role_id=role.id)
    await call(database, FLEET, organizations.delete_organization, organization_id=world.home)

    events = {row.action: row.before for row in await tell(database, "select * from audit_events")}
    assert events["role.deleted"] == as_json(role)
    assert events["organization.deleted"]["slug"] == "acme"
    assert "updated_at" not in events["organization.deleted"]


def told(event: Event, world: World) -> dict[str, Any]:
    """Return the columns that an event must have."""
    return {
        "action": event.action,
        "subject_kind": event.kind,
        "subject_id": event.subject,
        "before": as_json(event.before),
        "after": as_json(event.after),
        "organization_id": world.home if event.home == "" else event.home,
        "actor_kind": "user",
        "actor_id": "whoever-did-it",
        "request_id": "the-request",
    }


def as_json(row: Any) -> Any:
    """Return a row as the trail tells it; anything else is told as it is."""
    if row is None or row is ANY or isinstance(row, dict):
        return row
    fields = {name: value for name, value in asdict(row).items() if name != "updated_at"}
    return orjson.loads(orjson.dumps(fields))
