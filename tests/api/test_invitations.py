from __future__ import annotations

import httpx
import pytest
from fastapi import FastAPI
from tests.api.test_members import signed_in
from tests.fixtures.organizations import Tenant
from tests.fixtures.signing import PASSWORD, QUICK, Mailbox, bearer, begin, coming_from, make_account, token_in

from fairlead.db.session import Database

pytestmark = pytest.mark.anyio
LOOK, ACCEPT, SIGN_UP = (f"/api/auth/invitations/{verb}" for verb in ("look-up", "accept", "sign-up"))


async def invite(client: httpx.AsyncClient, owner: Tenant, email: str, role: str = "member") -> httpx.Response:
    """Invite an address."""
    body = {"email": email, "roleId": role}
    return await client.post(f"/api/organizations/{owner.organization_id}/invitations", json=body)


async def test_somebody_new_joins(stranger: httpx.AsyncClient, app: FastAPI, database: Database, ours: Tenant) -> None:
    """Who is invited reads the offer, makes an account with the address that was invited, and is a member at once."""
    app.state.passwords = QUICK
    await signed_in(database, stranger, ours)
    made = await invite(stranger, ours, "Grace@Example.org", "viewer")
    token = token_in(await Mailbox().collect(database))
    async with coming_from(app) as guest:
        offer = (await guest.post(LOOK, json={"token": token})).json()["data"]
        body = {"token": token, "name": "Grace", "password": PASSWORD}
        entered = await guest.post(SIGN_UP, json=body)
        own = bearer(entered.json()["data"]["token"])
        queues = await guest.get(f"/api/organizations/{ours.organization_id}/queues", headers=own)
        again = await guest.post(SIGN_UP, json=body)

    members = (await stranger.get(f"/api/organizations/{ours.organization_id}/members")).json()["data"]
    after = (await stranger.get(made.headers["location"])).json()["data"]
    assert (offer["email"], offer["organizationId"]) == ("grace@example.org", ours.organization_id)
    assert offer["roleName"] == "viewer"
    assert queues.status_code == 200
    assert (again.status_code, again.json()["code"]) == (400, "TOKEN_INVALID")
    assert {"grace@example.org": ["viewer"]}.items() <= {
        member["email"]: [role["name"] for role in member["roles"]] for member in members
    }.items()
    assert after["acceptedAt"] is not None
    assert token not in made.text


async def test_only_whom_it_is_for_accepts_it(
    stranger: httpx.AsyncClient, app: FastAPI, database: Database, ours: Tenant
) -> None:
    """Who has an account accepts with the session of the address that was invited, and nobody else can."""
    await signed_in(database, stranger, ours)
    guest, other = [await make_account(database) for _ in range(2)]
    await invite(stranger, ours, guest.user.email)
    token = {"token": token_in(await Mailbox().collect(database))}
    answers = []
    async with coming_from(app) as client:
        for account in (other, guest, guest):
            own = bearer((await begin(database, account.user.id)).token)
            answers.append(await client.post(ACCEPT, json=token, headers=own))

    assert [answer.status_code for answer in answers] == [403, 200, 400]
    assert [answer.json().get("code") for answer in answers] == ["FORBIDDEN", None, "TOKEN_INVALID"]


async def test_what_is_taken_back_is_worth_nothing(
    stranger: httpx.AsyncClient, app: FastAPI, database: Database, ours: Tenant
) -> None:
    """A revoked invitation cannot be used and stays as it is, and a new one to an address replaces the open one."""
    await signed_in(database, stranger, ours)
    address = f"/api/organizations/{ours.organization_id}/invitations"
    first = await invite(stranger, ours, "grace@example.org")
    replaced = token_in(await Mailbox().collect(database))
    second = await invite(stranger, ours, "grace@example.org")
    revoked = token_in(await Mailbox().collect(database))
    ends = [await stranger.post(f"{second.headers['location']}/revoke") for _ in range(2)]
    async with coming_from(app) as client:
        looks = [await client.post(LOOK, json={"token": token}) for token in (replaced, revoked)]
    states = {
        state: [each["id"] for each in (await stranger.get(address, params={"state": state})).json()["data"]]
        for state in ("open", "revoked")
    }

    assert [answer.status_code for answer in ends] == [200, 200]
    assert ends[0].text == ends[1].text
    assert [answer.json()["code"] for answer in looks] == ["TOKEN_INVALID"] * 2
    assert states == {"open": [], "revoked": [answer.json()["data"]["id"] for answer in (second, first)]}


async def test_nobody_invites_to_more_than_they_may(
    stranger: httpx.AsyncClient, database: Database, ours: Tenant, theirs: Tenant
) -> None:
    """An admin invites no owner, nobody invites elsewhere or to no role; what is wrong is named; no mail is sent."""
    await signed_in(database, stranger, ours, "admin")
    body = {"email": "no address", "roleId": "member", "name": "Grace"}
    wrong = await stranger.post(f"/api/organizations/{ours.organization_id}/invitations", json=body)

    answers = [await invite(stranger, ours, "g@example.org", role) for role in ("owner", "nothing")]
    answers.append(await invite(stranger, theirs, "g@example.org"))

    assert [answer.status_code for answer in answers] == [403, 400, 404]
    assert answers[1].json()["details"].keys() == {"roleId"}
    assert wrong.json()["details"].keys() == {"email", "name"}
    assert await Mailbox().collect(database) == []


@pytest.mark.parametrize("role", [None, "member", "viewer"])
async def test_an_offer_ends_with_the_right_to_make_it(
    stranger: httpx.AsyncClient, app: FastAPI, database: Database, ours: Tenant, *, role: str | None
) -> None:
    """Whoever is thrown out, or may not invite any more, leaves no open door behind."""
    admin_id = await signed_in(database, stranger, ours, "admin")
    await invite(stranger, ours, "grace@example.org", "viewer")
    token = {"token": token_in(await Mailbox().collect(database))}
    await signed_in(database, stranger, ours)
    member = f"/api/organizations/{ours.organization_id}/members/{admin_id}"
    ended = await (stranger.put(member, json={"roles": [role]}) if role else stranger.delete(member))
    async with coming_from(app) as guest:
        answers = [
            await guest.post(LOOK, json=token),
            await guest.post(SIGN_UP, json={**token, "name": "Grace", "password": PASSWORD}),
        ]

    assert ended.status_code in {200, 204}
    assert [answer.json()["code"] for answer in answers] == ["TOKEN_INVALID"] * 2
