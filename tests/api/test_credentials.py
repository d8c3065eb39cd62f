from __future__ import annotations

import httpx
import pytest
from sqlalchemy import text
from tests.api.conftest import Key
from tests.fixtures.items import FLEET
from tests.fixtures.keys import make_user
from tests.fixtures.organizations import Tenant
from tests.fixtures.sessions import sign_in

from fairlead.api.cookies import COOKIE
from fairlead.db.session import Database
from fairlead.domain.ids import new_id
from fairlead.domain.tokens import SESSION_PREFIX, new_token

pytestmark = pytest.mark.anyio
NAMELESS = "A session has no organization of its own: use /api/organizations/{organizationId}/…."


def bearer(token: str) -> dict[str, str]:
    """What a request with a token carries."""
    return {"authorization": f"Bearer {token}"}


async def test_a_session_acts_where_its_user_is_a_member(
    stranger: httpx.AsyncClient, database: Database, ours: Tenant, theirs: Tenant
) -> None:
    """A session works in every organization its user belongs to, as the roles there say, and nowhere else."""
    headers = bearer(await sign_in(database, await make_user(database, ours, "viewer")))
    address = f"/api/organizations/{ours.organization_id}/queues"

    read = await stranger.get(address, headers=headers)
    refused = await stranger.post(address, headers=headers, json={"name": "more"})
    elsewhere = [
        await stranger.get(f"/api/organizations/{where}/queues", headers={**headers, "x-request-id": "same"})
        for where in (theirs.organization_id, new_id(), "junk")
    ]

    assert [queue["id"] for queue in read.json()["data"]] == [ours.queue_id]
    assert (refused.status_code, refused.json()["error"]) == (
        403,
        "Your role here lacks the permission 'queues:manage'.",
    )
    assert [answer.status_code for answer in elsewhere] == [404, 404, 404]
    assert len({answer.content for answer in elsewhere}) == 1


async def test_a_session_names_its_organization(stranger: httpx.AsyncClient, database: Database, ours: Tenant) -> None:
    """The short addresses are for keys: a session is told where to go."""
    headers = bearer(await sign_in(database, await make_user(database, ours)))

    refused = await stranger.get("/api/queues", headers=headers)

    assert (refused.status_code, refused.json()["error"]) == (403, NAMELESS)


async def test_a_key_may_name_its_organization(client: httpx.AsyncClient, ours: Tenant, theirs: Tenant) -> None:
    """Both addresses work for a key; with another organization in the path it is as if there were none."""
    own, other, none = [
        await client.get(f"/api/organizations/{where}/queues")
        for where in (ours.organization_id, theirs.organization_id, new_id())
    ]

    assert own.json() == (await client.get("/api/queues")).json()
    assert [other.status_code, none.status_code] == [404, 404]


async def test_what_is_made_is_found_under_the_address_it_was_made_at(client: httpx.AsyncClient, ours: Tenant) -> None:
    """The Location of something new begins as the request's address did."""
    base = f"/api/organizations/{ours.organization_id}"
    for prefix in ("/api", base):
        made = await client.post(f"{prefix}/queues", json={"name": f"at {len(prefix)}"})
        assert made.headers["location"] == f"{prefix}/queues/{made.json()['data']['id']}"
        assert (await client.get(made.headers["location"])).status_code == 200


async def test_a_session_is_the_actor(stranger: httpx.AsyncClient, database: Database, ours: Tenant) -> None:
    """What a person does is told of the person."""
    user_id = await make_user(database, ours)
    headers = bearer(await sign_in(database, user_id))
    made = await stranger.post(
        f"/api/organizations/{ours.organization_id}/queues", headers=headers, json={"name": "more"}
    )

    async with database.unit_of_work(FLEET) as session:
        found = await session.execute(text("select actor_kind, actor_id from audit_events where action like 'queue%'"))
    assert made.json()["data"]["createdBy"] == user_id
    assert [tuple(row) for row in found] == [("user", user_id)]


async def test_a_browser_shows_its_cookie(stranger: httpx.AsyncClient, database: Database, ours: Tenant) -> None:
    """A session's cookie is as good as its token, but not beside a header, however wrong that is."""
    cookie = {"cookie": f"{COOKIE}={await sign_in(database, await make_user(database, ours))}"}
    address = f"/api/organizations/{ours.organization_id}/queues"

    assert (await stranger.get(address, headers=cookie)).status_code == 200
    for header in ("", "Bearer", "Basic eA==", f"Bearer {new_token(SESSION_PREFIX)}"):
        assert (await stranger.get(address, headers={**cookie, "authorization": header})).status_code == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"sec-fetch-site": "same-origin"}, 201),
        ({"sec-fetch-site": "none"}, 201),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "cross-site", "origin": "http://fairlead.test"}, 403),
        ({"origin": "http://fairlead.test"}, 201),
        ({"origin": "http://evil.test"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://[::1"}, 403),
        ({"origin": "http://a]b:c"}, 403),
        ({}, 403),
    ],
)
async def test_a_cookie_changes_nothing_from_elsewhere(
    stranger: httpx.AsyncClient, database: Database, ours: Tenant, *, headers: dict[str, str], status: int
) -> None:
    """With a cookie only our own pages change anything; what says neither where it is from is refused."""
    cookie = {"cookie": f"{COOKIE}={await sign_in(database, await make_user(database, ours))}"}
    address = f"/api/organizations/{ours.organization_id}/queues"

    answer = await stranger.post(address, headers={**cookie, **headers}, json={"name": "more"})

    assert answer.status_code == status


async def test_a_removed_member_is_a_stranger(
    stranger: httpx.AsyncClient, database: Database, ours: Tenant, key: Key
) -> None:
    """Who loses the last role loses the organization with the next request."""
    user_id = await make_user(database, ours)
    headers = bearer(await sign_in(database, user_id))
    address = f"/api/organizations/{ours.organization_id}/queues"
    assert (await stranger.get(address, headers=headers)).status_code == 200
    async with database.unit_of_work(FLEET) as session:
        await session.execute(text("delete from user_roles where user_id = :user").bindparams(user=user_id))

    assert (await stranger.get(address, headers=headers)).status_code == 404
    assert (await stranger.get(address, headers=key.headers)).status_code == 200
