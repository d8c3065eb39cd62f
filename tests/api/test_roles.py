from __future__ import annotations

import httpx
import pytest
from tests.api.test_members import signed_in
from tests.fixtures.keys import make_user
from tests.fixtures.organizations import Tenant
from tests.fixtures.sessions import sign_in
from tests.fixtures.signing import bearer

from fairlead.db.session import Database

pytestmark = pytest.mark.anyio


@pytest.fixture
async def address(stranger: httpx.AsyncClient, database: Database, ours: Tenant) -> str:
    """Where our roles are; an owner is signed in."""
    await signed_in(database, stranger, ours)
    return f"/api/organizations/{ours.organization_id}/roles"


async def test_a_role_of_ones_own(stranger: httpx.AsyncClient, database: Database, ours: Tenant, address: str) -> None:
    """Whoever has a role may do what it says, and what it says now as soon as it is changed."""
    body = {"name": "support", "description": "Looks at items", "permissions": ["queues:read"]}
    made = await stranger.post(address, json=body)
    user_id, role = await make_user(database, ours, "viewer"), made.json()["data"]
    await stranger.put(f"/api/organizations/{ours.organization_id}/members/{user_id}", json={"roles": [role["id"]]})
    theirs = bearer(await sign_in(database, user_id))
    queues = f"/api/organizations/{ours.organization_id}/queues"

    before = [await stranger.get(path, headers=theirs) for path in (queues, address)]
    changed = await stranger.patch(made.headers["location"], json={"permissions": ["members:read"]})
    after = [await stranger.get(path, headers=theirs) for path in (queues, address)]

    assert (made.status_code, changed.status_code) == (201, 200)
    assert role == {**role, **body, "system": False}
    assert [answer.status_code for answer in (*before, *after)] == [200, 403, 403, 200]


async def test_of_two_who_change_it_at_once_the_later_is_told(stranger: httpx.AsyncClient, address: str) -> None:
    """A change, or a deletion, of a version that is not the present one is refused."""
    place = (await stranger.post(address, json={"name": "r", "permissions": []})).headers["location"]
    seen = {"if-match": (await stranger.get(place)).headers["etag"]}

    answers = [await stranger.patch(place, json={"name": name}, headers=seen) for name in ("first", "second")]
    answers.append(await stranger.delete(place, headers=seen))

    assert [answer.status_code for answer in answers] == [200, 412, 412]
    assert (await stranger.get(place)).json()["data"]["name"] == "first"


async def test_what_is_in_use_stays(
    stranger: httpx.AsyncClient, database: Database, ours: Tenant, address: str
) -> None:
    """A role that somebody has is not deleted, one that nobody has is; a system role is neither changed nor deleted."""
    place = (await stranger.post(address, json={"name": "r", "permissions": []})).headers["location"]
    member = f"/api/organizations/{ours.organization_id}/members/{await make_user(database, ours, 'viewer')}"
    await stranger.put(member, json={"roles": [place.rpartition("/")[2]]})
    held = await stranger.delete(place)
    await stranger.put(member, json={"roles": ["viewer"]})
    free = [await stranger.delete(place) for _ in range(2)]
    system = [await stranger.patch(f"{address}/owner", json={"name": "x"}), await stranger.delete(f"{address}/owner")]

    assert (held.status_code, held.json()["code"]) == (409, "CONFLICT")
    assert [answer.status_code for answer in free] == [204, 404]
    assert [answer.status_code for answer in system] == [404, 404]


async def test_nobody_makes_a_role_that_may_more_than_they(
    stranger: httpx.AsyncClient, database: Database, ours: Tenant, address: str
) -> None:
    """An admin makes no role with an owner's permission; a name that is taken and a permission unknown are said so."""
    taken = [await stranger.post(address, json={"name": "R", "permissions": []}) for _ in range(2)]
    unknown = await stranger.post(address, json={"name": "s", "permissions": ["everything"]})
    stranger.headers.update(bearer(await sign_in(database, await make_user(database, ours, "admin"))))
    mighty = await stranger.post(address, json={"name": "t", "permissions": ["organization:manage"]})

    assert [answer.status_code for answer in (*taken, unknown, mighty)] == [201, 409, 400, 403]
    assert "permissions" in str(unknown.json()["details"])


async def test_one_finds_roles(stranger: httpx.AsyncClient, database: Database, theirs: Tenant, address: str) -> None:
    """Own roles are listed before the system's, another organization's nowhere, and a search finds part of a name."""
    for name in ("support", "sales"):
        await stranger.post(address, json={"name": name, "permissions": []})
    listed = (await stranger.get(address)).json()["data"]
    found = (await stranger.get(address, params={"search": "UPP"})).json()["data"]
    await signed_in(database, stranger, theirs)
    elsewhere = (await stranger.get(f"/api/organizations/{theirs.organization_id}/roles")).json()["data"]

    assert [role["system"] for role in listed] == [False, False, *[True] * (len(listed) - 2)]
    assert [role["name"] for role in found] == ["support"]
    assert {role["system"] for role in elsewhere} == {True}
