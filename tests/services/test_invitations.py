from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any

import pytest
from sqlalchemy import text
from tests.fixtures.items import FLEET
from tests.fixtures.keys import make_user
from tests.fixtures.organizations import Tenant
from tests.fixtures.signing import Mailbox, token_in

from fairlead.db.session import Database
from fairlead.domain.permissions import SYSTEM_ROLES
from fairlead.errors import Conflict, Forbidden, TokenInvalid, ValidationFailed
from fairlead.queries.invitations import find_offer_of
from fairlead.queries.members import find_permissions
from fairlead.queries.users import get_user
from fairlead.rows import Invitation
from fairlead.services.audit import OPERATOR, Actor
from fairlead.services.invitations import (
    accept_invitation,
    create_invitation,
    look_at_invitation,
    revoke_invitation,
    sign_up_by_invitation,
)
from fairlead.services.members import admit_member, grant_role, remove_member
from fairlead.services.users import delete_user, soft_delete_user

pytestmark = pytest.mark.anyio
EMAIL = "Ada@Example.org"


async def invite(
    database: Database, tenant: Tenant, *, email: str = EMAIL, role_id: str = "admin", actor: Actor = OPERATOR
) -> Invitation:
    """Invite somebody."""
    async with database.unit_of_work(FLEET) as session:
        return await create_invitation(
            session, FLEET, organization_id=tenant.organization_id, email=email, role_id=role_id, actor=actor
        )


async def done(database: Database, function: Any, **given: Any) -> Any:
    """Call a function of the system in a transaction of its own."""
    async with database.unit_of_work(FLEET) as session:
        return await function(session, FLEET, **given)


async def actions(database: Database) -> list[str]:
    """Return what the trail tells of invitations and members."""
    async with database.unit_of_work(FLEET) as session:
        told = text("select action from audit_events where subject_kind in ('invitation', 'member') order by action")
        return list((await session.execute(told)).scalars())


async def successes(attempts: Sequence[Awaitable[Any]]) -> int:
    """Return how many of many attempts at once succeeded; the others were told that the token is no good."""
    results = await asyncio.gather(*attempts, return_exceptions=True)
    assert {type(result) for result in results if isinstance(result, BaseException)} <= {TokenInvalid}
    return sum(not isinstance(result, BaseException) for result in results)


async def test_who_is_invited_signs_up(database: Database, ours: Tenant) -> None:
    """The token of the mail makes an account with the address that was invited, verified, and a member in that role."""
    mailbox = Mailbox()
    await invite(database, ours)
    token = token_in(await mailbox.collect(database))
    offer = await done(database, look_at_invitation, token=token)

    user = await done(database, sign_up_by_invitation, token=token, name="Ada", secret_hash="a hash")

    permissions = await done(database, find_permissions, organization_id=ours.organization_id, user_id=user.id)
    assert (offer.organization_name, offer.role_name, offer.email) == ("Test", "admin", "ada@example.org")
    assert (user.email, user.email_verified, user.organization_id) == ("ada@example.org", True, ours.organization_id)
    assert permissions == SYSTEM_ROLES["admin"]
    with pytest.raises(TokenInvalid):
        await done(database, look_at_invitation, token=token)
    assert await actions(database) == ["invitation.accepted", "invitation.created", "member.role_granted"]


async def test_who_has_an_account_accepts(database: Database, ours: Tenant, theirs: Tenant) -> None:
    """A user who is at home elsewhere becomes a member, and stays at home where they are; nobody else can accept."""
    mailbox = Mailbox()
    user_id, other_id = await make_user(database, theirs), await make_user(database, theirs)
    email = (await done(database, get_user, user_id=user_id)).email
    await invite(database, ours, email=email, role_id="viewer")
    token = token_in(await mailbox.collect(database))

    with pytest.raises(Forbidden):
        await done(database, accept_invitation, token=token, user_id=other_id)
    with pytest.raises(Conflict):
        await done(database, sign_up_by_invitation, token=token, name="Ada", secret_hash="a hash")
    await done(database, accept_invitation, token=token, user_id=user_id)

    where = {"organization_id": ours.organization_id, "user_id": user_id}
    assert await done(database, find_permissions, **where) == SYSTEM_ROLES["viewer"]
    assert (await done(database, get_user, user_id=user_id)).organization_id == theirs.organization_id


@pytest.mark.parametrize("existing", [True, False])
async def test_of_many_at_once_one_succeeds(
    database: Database, ours: Tenant, theirs: Tenant, *, existing: bool
) -> None:
    """Of 50 uses of a token at once exactly one makes a member."""
    mailbox = Mailbox()
    user_id = await make_user(database, theirs)
    email = (await done(database, get_user, user_id=user_id)).email if existing else EMAIL
    await invite(database, ours, email=email)
    token = token_in(await mailbox.collect(database))
    if existing:
        attempts = [done(database, accept_invitation, token=token, user_id=user_id) for _ in range(50)]
    else:
        given = {"token": token, "name": "Ada", "secret_hash": "a hash"}
        attempts = [done(database, sign_up_by_invitation, **given) for _ in range(50)]

    assert await successes(attempts) == 1
    assert (await actions(database)).count("member.role_granted") == 2  # the user made above is one


async def test_a_later_token_takes_the_place_of_those_before(database: Database, ours: Tenant) -> None:
    """A newer invitation to an address voids the open ones; one that was revoked, or is too old, is void, too."""
    mailbox = Mailbox()
    await invite(database, ours)
    first = token_in(await mailbox.collect(database))
    again = await invite(database, ours, email=EMAIL.lower(), role_id="viewer")
    second = token_in(await mailbox.collect(database))
    with pytest.raises(TokenInvalid):
        await done(database, look_at_invitation, token=first)
    assert (await done(database, look_at_invitation, token=second)).role_name == "viewer"

    async with database.unit_of_work(ours.scope) as session:
        ended = await revoke_invitation(session, ours.scope, invitation_id=again.id)
        assert await revoke_invitation(session, ours.scope, invitation_id=again.id) == ended
    with pytest.raises(TokenInvalid):
        await done(database, look_at_invitation, token=second)

    await invite(database, ours)
    third = token_in(await mailbox.collect(database))
    async with database.unit_of_work(FLEET) as session:
        await session.execute(text("update invitations set expires_at = now()"))
    with pytest.raises(TokenInvalid):
        await done(database, look_at_invitation, token=third)


async def test_nothing_is_sent_of_what_was_taken_back(database: Database, ours: Tenant) -> None:
    """An invitation that is revoked before its mail is sent sends none, and never had a token."""
    made = await invite(database, ours)
    async with database.unit_of_work(ours.scope) as session:
        await revoke_invitation(session, ours.scope, invitation_id=made.id)

    assert await Mailbox().collect(database) == []


@pytest.mark.parametrize("end", [delete_user, soft_delete_user])
@pytest.mark.parametrize("by_whom", ["their organization", "the fleet"])
async def test_an_offer_ends_with_whoever_made_it(database: Database, ours: Tenant, *, end: Any, by_whom: str) -> None:
    """The offers of somebody who is deleted, in their organization or above all, are over."""
    await make_user(database, ours, "owner")
    inviter = await make_user(database, ours, "admin")
    given = {"organization_id": ours.organization_id, "email": EMAIL, "role_id": "viewer", "invited_by": inviter}
    await done(database, create_invitation, **given)
    token = token_in(await Mailbox().collect(database))
    scope: Any = ours.scope if by_whom == "their organization" else FLEET
    async with database.unit_of_work(scope) as session:
        await end(session, scope, user_id=inviter)

    with pytest.raises(TokenInvalid):
        await done(database, look_at_invitation, token=token)


async def test_an_offer_of_somebody_from_elsewhere_ends_with_them(
    database: Database, ours: Tenant, theirs: Tenant
) -> None:
    """An offer that a member from elsewhere made is over when their own organization deletes them for good."""
    inviter = await make_user(database, theirs)
    whom = {"organization_id": ours.organization_id, "user_id": inviter, "role_id": "admin"}
    await done(database, admit_member, **whom, actor=OPERATOR)
    given = {"organization_id": ours.organization_id, "email": EMAIL, "role_id": "viewer", "invited_by": inviter}
    made = await done(database, create_invitation, **given)
    token = token_in(await Mailbox().collect(database))
    assert (await done(database, look_at_invitation, token=token)).invitation_id == made.id

    await make_user(database, theirs)
    async with database.unit_of_work(theirs.scope) as session:
        await delete_user(session, theirs.scope, user_id=inviter)

    with pytest.raises(TokenInvalid):
        await done(database, look_at_invitation, token=token)
    assert await done(database, find_offer_of, organization_id=ours.organization_id, invitation_id=made.id) is None


async def test_who_leaves_takes_their_offers_along(database: Database, ours: Tenant) -> None:
    """The open offers of a member who is removed are revoked for good, and the trail tells of it."""
    await make_user(database, ours)
    inviter = await make_user(database, ours, "admin")
    given = {"organization_id": ours.organization_id, "email": EMAIL, "role_id": "viewer", "invited_by": inviter}
    await done(database, create_invitation, **given)
    token = token_in(await Mailbox().collect(database))

    async with database.unit_of_work(ours.scope) as session:
        await remove_member(session, ours.scope, user_id=inviter)
        await grant_role(session, ours.scope, user_id=inviter, role_id="admin")

    assert (await actions(database)).count("invitation.revoked") == 1
    with pytest.raises(TokenInvalid):
        await done(database, look_at_invitation, token=token)


async def test_nobody_offers_more_than_they_may(database: Database, ours: Tenant) -> None:
    """A role that may do more than whoever invites is refused, and so is one that is not there, or no address."""
    admin = Actor("user", "somebody", permissions=SYSTEM_ROLES["admin"])
    with pytest.raises(Forbidden, match="owner"):
        await invite(database, ours, role_id="owner", actor=admin)
    with pytest.raises(ValidationFailed) as refused:
        await invite(database, ours, role_id="nothing", email="nobody")
    assert refused.value.details.keys() == {"role_id", "email"}


async def test_an_accepted_invitation_cannot_be_taken_back(database: Database, ours: Tenant) -> None:
    """Who is a member already is removed as one."""
    mailbox = Mailbox()
    made = await invite(database, ours)
    token = token_in(await mailbox.collect(database))
    await done(database, sign_up_by_invitation, token=token, name="Ada", secret_hash="a hash")

    async with database.unit_of_work(ours.scope) as session:
        with pytest.raises(Conflict, match="remove the member"):
            await revoke_invitation(session, ours.scope, invitation_id=made.id)
