from __future__ import annotations

import httpx
import pytest
from tests.api.test_members import signed_in
from tests.fixtures.keys import make_user
from tests.fixtures.organizations import Tenant

from fairlead.db.session import Database

pytestmark = pytest.mark.anyio


@pytest.fixture
async def address(stranger: httpx.AsyncClient, database: Database, ours: Tenant) -> str:
    """Where our users are; an owner is signed in."""
    await signed_in(database, stranger, ours)
    return f"/api/organizations/{ours.organization_id}/users"


async def test_what_somebody_is_called_can_be_changed(
    stranger: httpx.AsyncClient, database: Database, ours: Tenant, address: str
) -> None:
    """The name of somebody at home here is changed, of the version that was seen only; their address is their own."""
    place = f"{address}/{await make_user(database, ours, 'member')}"
    before = await stranger.get(place)
    seen = {"if-match": before.headers["etag"]}

    changed = [await stranger.patch(place, json={"name": name}, headers=seen) for name in ("Grace", "Other")]
    refused = await stranger.patch(place, json={"email": "stolen@example.org"})

    assert [answer.status_code for answer in changed] == [200, 412]
    assert (await stranger.get(place)).json()["data"]["name"] == "Grace"
    assert refused.json()["details"] == {"email": "is not a field that is known here"}
    assert (await stranger.get(place)).json()["data"]["email"] == before.json()["data"]["email"]


async def test_users_are_found(stranger: httpx.AsyncClient, database: Database, ours: Tenant, address: str) -> None:
    """By role, by whether their address is verified, and by part of a name or an address."""
    viewer = await make_user(database, ours, "viewer")
    await stranger.patch(f"{address}/{viewer}", json={"name": "Grace 100%"})

    async def found(**params: str) -> list[str]:
        return [user["id"] for user in (await stranger.get(address, params=params)).json()["data"]]

    assert await found(roleId="viewer") == [viewer]
    assert await found(search="gRaCe 100%") == [viewer]
    assert await found(search="%") == [viewer]
    assert await found(emailVerified="true") == []
    assert len(await found(emailVerified="false")) == len(await found()) == 2


async def test_who_is_at_home_elsewhere_is_not_seen(
    stranger: httpx.AsyncClient, database: Database, theirs: Tenant, address: str
) -> None:
    """Another organization's user is as unknown as nobody."""
    theirs_id = await make_user(database, theirs)

    answers = [await stranger.get(f"{address}/{user_id}") for user_id in (theirs_id, "n" * 24)]
    answers += [await stranger.patch(f"{address}/{user_id}", json={"name": "x"}) for user_id in (theirs_id, "n" * 24)]

    assert [(answer.status_code, answer.json()["error"]) for answer in answers] == [
        (404, answers[1].json()["error"])
    ] * 4
