from __future__ import annotations

import httpx
import pytest
from tests.api.test_members import signed_in
from tests.fixtures.organizations import Tenant
from tests.fixtures.signing import bearer

from fairlead.db.session import Database

pytestmark = pytest.mark.anyio


async def test_of_two_who_change_a_key_at_once_the_later_is_told(
    stranger: httpx.AsyncClient, database: Database, ours: Tenant
) -> None:
    """A change, or a deletion, with the ETag of a key as it was is refused; that it is used makes it no other."""
    await signed_in(database, stranger, ours)
    body = {"name": "k", "scopes": ["queues:read"]}
    made = await stranger.post(f"/api/organizations/{ours.organization_id}/api-keys", json=body)
    address, seen = made.headers["location"], {}
    seen["if-match"] = (await stranger.get(address)).headers["etag"]
    used = await stranger.get("/api/queues", headers=bearer(made.json()["data"]["key"]))

    answers = [await stranger.patch(address, json={"name": name}, headers=seen) for name in ("first", "second")]
    answers.append(await stranger.delete(address, headers=seen))
    answers.append(await stranger.delete(address, headers={"if-match": answers[0].headers["etag"]}))

    assert used.status_code == 200
    assert [answer.status_code for answer in answers] == [200, 412, 412, 204]
