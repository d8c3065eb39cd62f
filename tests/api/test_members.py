from __future__ import annotations

import httpx
import pytest
from tests.api.conftest import make_key
from tests.fixtures.keys import make_user
from tests.fixtures.organizations import Tenant
from tests.fixtures.people import tell
from tests.fixtures.sessions import sign_in
from tests.fixtures.signing import bearer

from fairlead.db.session import Database
from fairlead.domain.permissions import Permission

pytestmark = pytest.mark.anyio


async def signed_in(database: Database, stranger: httpx.AsyncClient, tenant: Tenant, role: str = "owner") -> str:
    """Let a client be that of a member in a role, and return their id."""
    user_id = await make_user(database, tenant, role)
    stranger.headers.update(bearer(await sign_in(database, user_id)))
    return user_id


async def test_roles_are_given_and_taken(stranger: httpx.AsyncClient, database: Database, ours: Tenant) -> None:
    """A member has exactly the roles that were put, shown with their names; none is left after a removal."""
    await signed_in(database, stranger, ours)
    user_id = await make_user(database, ours, "member")
    address = f"/api/organizations/{ours.organization_id}/members/{user_id}"

    put = await stranger.put(address, json={"roles": ["viewer", "admin"]})
    listed = await stranger.get(f"/api/organizations/{ours.organization_id}/members")
    removed = await stranger.delete(address)

    assert [role["name"] for role in put.json()["data"]["roles"]] == ["admin", "viewer"]
    assert (await stranger.get(address)).status_code == 404
    assert put.json()["data"] in listed.json()["data"]
    assert listed.json()["pagination"]["total"] == 2
    assert (removed.status_code, (await stranger.delete(address)).status_code) == (204, 404)


async def test_of_two_who_give_roles_at_once_the_later_is_told(
    stranger: httpx.AsyncClient, database: Database, ours: Tenant
) -> None:
    """The ETag of a member is that of the set of their roles: who saw another set neither changes nor removes them."""
    await signed_in(database, stranger, ours)
    address = f"/api/organizations/{ours.organization_id}/members/{await make_user(database, ours, 'member')}"
    seen = {"if-match": (await stranger.get(address)).headers["etag"]}

    first = await stranger.put(address, json={"roles": ["viewer", "member"]}, headers=seen)
    late = [await stranger.put(address, json={"roles": ["admin"]}, headers=seen)]
    late += [await stranger.delete(address, headers=seen)]
    again = await stranger.put(address, json={"roles": ["member"]}, headers={"if-match": first.headers["etag"]})

    assert [answer.status_code for answer in (first, *late, again)] == [200, 412, 412, 200]
    assert again.headers["etag"] == seen["if-match"]


async def test_members_may_be_at_home_elsewhere(
    stranger: httpx.AsyncClient, database: Database, theirs: Tenant
) -> None:
    """Who owns an organization without being at home there is listed, changes it, and makes keys that work."""
    user_id = await signed_in(database, stranger, theirs, "viewer")
    made = await stranger.post("/api/organizations", json={"name": "Second", "slug": "second"})
    base = made.headers["location"]

    [member] = (await stranger.get(f"{base}/members")).json()["data"]
    key = await stranger.post(f"{base}/api-keys", json={"name": "k", "scopes": ["queues:read"]})
    queues = await stranger.get("/api/queues", headers=bearer(key.json()["data"]["key"]))
    last = await stranger.put(f"{base}/members/{user_id}", json={"roles": ["viewer"]})
    mine = (await stranger.get("/api/organizations")).json()["data"]

    assert (member["id"], [role["id"] for role in member["roles"]]) == (user_id, ["owner"])
    assert [queue["name"] for queue in queues.json()["data"]] == ["default"]
    assert (last.status_code, last.json()["code"]) == (409, "LAST_OWNER")
    assert [organization["slug"] for organization in mine] == ["second", theirs.organization_id]


@pytest.mark.parametrize("role", ["viewer", "admin"])
async def test_a_member_leaves(stranger: httpx.AsyncClient, database: Database, ours: Tenant, *, role: str) -> None:
    """Whatever their role, a member leaves by themselves, once; the trail says who it was, and their keys stop."""
    own_id = await signed_in(database, stranger, ours, role)
    await make_user(database, ours)
    key = await make_key(database, ours)
    address = f"/api/organizations/{ours.organization_id}/members/me"

    by_key = await stranger.delete(address, headers=key.headers)
    seen_otherwise = await stranger.delete(address, headers={"if-match": '"other"'})
    left = await stranger.delete(address)

    assert [answer.status_code for answer in (by_key, seen_otherwise, left)] == [403, 412, 204]
    assert (await stranger.get("/api/organizations")).json()["data"] == []
    assert (await stranger.delete(address)).status_code == 404
    [event] = await tell(database, "select * from audit_events where action = 'member.role_revoked'")
    assert (event.actor_kind, event.actor_id, event.subject_id) == ("user", own_id, own_id)


async def test_the_last_owner_stays(stranger: httpx.AsyncClient, database: Database, ours: Tenant) -> None:
    """An owner leaves when there is another one, and not before."""
    await signed_in(database, stranger, ours)
    address = f"/api/organizations/{ours.organization_id}/members/me"

    alone = await stranger.delete(address)
    await make_user(database, ours)
    left = await stranger.delete(address)

    assert (alone.status_code, alone.json()["code"], left.status_code) == (409, "LAST_OWNER", 204)


async def test_nobody_gives_more_than_they_may(stranger: httpx.AsyncClient, database: Database, ours: Tenant) -> None:
    """An admin makes nobody an owner, themselves neither, and takes no owner's role."""
    admin_id = await signed_in(database, stranger, ours, "admin")
    owner_id = await make_user(database, ours)
    base = f"/api/organizations/{ours.organization_id}/members"

    refused = [
        await stranger.put(f"{base}/{admin_id}", json={"roles": ["owner"]}),
        await stranger.put(f"{base}/{owner_id}", json={"roles": ["viewer"]}),
        await stranger.delete(f"{base}/{owner_id}"),
    ]

    assert [(answer.status_code, answer.json()["code"]) for answer in refused] == [(403, "FORBIDDEN")] * 3


async def test_a_key_shows_the_roles_of_its_organization(
    stranger: httpx.AsyncClient, database: Database, ours: Tenant, theirs: Tenant
) -> None:
    """A key for members sees its own organization's, at the short address, and finds them by part of a name."""
    await make_user(database, theirs)
    key = await make_key(database, ours, scopes={Permission.MEMBERS_READ})
    stranger.headers.update(key.headers)

    everybody = (await stranger.get("/api/members")).json()["data"]
    found = [(await stranger.get("/api/members", params={"search": term})).json() for term in ("ADA", "nobody")]

    assert [member["id"] for member in everybody] == [key.user_id]
    assert [page["pagination"]["total"] for page in found] == [1, 0]
