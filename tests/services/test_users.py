from __future__ import annotations

from dataclasses import replace
from typing import Any

import anyio
import pytest
from sqlalchemy import text
from tests.fixtures.items import FLEET
from tests.fixtures.organizations import Tenant
from tests.fixtures.people import PEPPER, acting, actions, call, forget, make_member, names, overtaken, tell
from tests.fixtures.sessions import sign_in
from tests.fixtures.waiting import until_blocked

from fairlead.db.session import Database
from fairlead.db.tenancy import tenant
from fairlead.domain.ids import new_id
from fairlead.domain.permissions import SYSTEM_ROLES
from fairlead.errors import Conflict, Forbidden, NotFound, Unauthenticated, ValidationFailed
from fairlead.queries.page import Window
from fairlead.queries.queues import get_queue
from fairlead.queries.roles import roles_of
from fairlead.queries.users import (
    get_user,
    get_user_by_email,
    get_user_page,
    get_user_with_organization,
    is_member,
    permissions_of,
)
from fairlead.services.api_keys import authenticate, create_api_key
from fairlead.services.audit import OPERATOR
from fairlead.services.invitations import create_invitation
from fairlead.services.members import admit_member, grant_role
from fairlead.services.queues import create_queue
from fairlead.services.users import (
    create_user,
    delete_user,
    restore_user,
    soft_delete_user,
    update_user,
    upsert_user,
    upsert_users,
)

pytestmark = pytest.mark.anyio

ADA = "ada@example.org"
# Case, surrounding space, and letters as wide as ideographs, all of which are the same address.
TWINS = ["ADA@Example.ORG", f"  {ADA}\t", "ａｄａ＠ｅｘａｍｐｌｅ．ｏｒｇ"]  # noqa: RUF001 - that is the point

HANGING = """
insert into sessions (id, user_id, token_hash, idle_expires_at, expires_at) values (:id, :id, :id, now(), now());
insert into credentials (id, user_id, provider, account_id) values (:id, :id, 'password', :id);
insert into invitations (id, organization_id, email, role_id, token_hash, expires_at, invited_by)
    values (:id, :home, 'b@example.org', 'member', :id, now() + interval '1 day', :id);
"""


async def test_a_new_one_is_found(database: Database, ours: Tenant) -> None:
    """A new user is at home here, a member, not verified, and found by id and address."""
    made = await call(database, ours.scope, create_user, email=f" {ADA.upper()} ", name="Ada", image="https://a/b.png")

    assert (made.email, made.name, made.image) == (ADA, "Ada", "https://a/b.png")
    assert (made.organization_id, made.email_verified, made.deleted_at) == (ours.organization_id, False, None)
    assert made.created_at == made.updated_at
    assert await call(database, ours.scope, get_user, user_id=made.id) == made
    assert await call(database, ours.scope, get_user_by_email, email=ADA) == made
    assert names(await call(database, ours.scope, roles_of, user_id=made.id)) == ["member"]


async def test_homeless_until_invited(database: Database) -> None:
    """Made across organizations, a user has neither a home nor a role, and is audited as nobody's."""
    made = await call(database, FLEET, create_user, email=ADA, name="Ada", role="owner")

    assert made.organization_id is None
    assert await call(database, FLEET, roles_of, user_id=made.id) == []
    [event] = await tell(database, "select * from audit_events")
    assert (event.action, event.subject_id, event.organization_id) == ("user.created", made.id, None)


@pytest.mark.parametrize("twin", TWINS)
async def test_one_address_is_one_user(database: Database, ours: Tenant, theirs: Tenant, *, twin: str) -> None:
    """An address that is written otherwise is taken all the same, in every organization, with the same words."""
    made = await make_member(database, ours, email=ADA)
    others = [await make_member(database, organization) for organization in (ours, theirs)]

    for scope in (ours.scope, theirs.scope, FLEET):
        with pytest.raises(Conflict) as taken:
            await call(database, scope, create_user, email=twin, name="Twin")
        assert taken.value.details == {"email": "is taken"}
    for organization, other in zip((ours, theirs), others, strict=True):
        with pytest.raises(Conflict) as taken:
            await call(database, organization.scope, update_user, user_id=other.id, email=twin)
        assert taken.value.details == {"email": "is taken"}
    with pytest.raises(Conflict) as taken:
        await call(database, theirs.scope, upsert_user, email=twin, name="Twin")
    assert taken.value.details == {"email": "is taken"}
    assert (await call(database, ours.scope, upsert_user, email=twin, name="Twin")).id == made.id
    assert (await call(database, ours.scope, get_user_by_email, email=twin)).id == made.id


async def test_wrong_values_are_named(database: Database, ours: Tenant) -> None:
    """An address, a name, a picture and a role that cannot be are named together; an unknown home is NotFound."""
    wrong: dict[str, Any] = {"email": "nobody", "name": "", "image": 5, "role": "king"}
    with pytest.raises(ValidationFailed) as refused:
        await call(database, ours.scope, create_user, **wrong)
    assert refused.value.details.keys() == wrong.keys()
    with pytest.raises(NotFound):
        await call(database, tenant(new_id()), create_user, email=ADA, name="Ada")


@pytest.mark.parametrize("role", SYSTEM_ROLES)
async def test_roles_allow_what_the_table_says(database: Database, ours: Tenant, *, role: str) -> None:
    """A member may do what the table of roles says, in this organization only."""
    user = await make_member(database, ours, role)

    assert await call(database, ours.scope, permissions_of, user_id=user.id) == SYSTEM_ROLES[role]
    assert await call(database, ours.scope, permissions_of, user_id=new_id()) == frozenset()


@pytest.mark.parametrize(
    "change", [{"name": "Eve"}, {"image": "https://c/d.png"}, {"image": None}, {"name": "Eve", "image": None}], ids=str
)
async def test_only_what_is_given_changes(database: Database, ours: Tenant, *, change: dict[str, Any]) -> None:
    """An update changes the fields given and the time of the update, and no other column."""
    made = await make_member(database, ours, image="https://a/b.png")

    after = await call(database, ours.scope, update_user, user_id=made.id, **change)

    assert after == replace(made, **change, updated_at=after.updated_at)
    assert after.updated_at > made.updated_at
    assert await call(database, ours.scope, get_user, user_id=made.id) == after


async def test_time_moves_within_a_transaction(database: Database, ours: Tenant) -> None:
    """Made and changed in one transaction, a user was still changed later than made."""
    async with database.unit_of_work(ours.scope) as session:
        made = await create_user(session, ours.scope, email=ADA, name="Ada")
        after = await update_user(session, ours.scope, user_id=made.id, name="Eve")
        again = await upsert_user(session, ours.scope, email=ADA, name="Ada")
    assert again.updated_at > after.updated_at > made.updated_at == again.created_at


async def test_no_change_changes_nothing(database: Database, ours: Tenant) -> None:
    """Without fields nothing is written, neither a time nor an event; there has to be such a user, though."""
    made = await make_member(database, ours)
    await forget(database)

    assert await call(database, ours.scope, update_user, user_id=made.id) == made
    assert await actions(database) == []
    with pytest.raises(NotFound):
        await call(database, ours.scope, update_user, user_id=new_id())


@pytest.mark.parametrize(
    "image", ["javascript:alert(1)", "data:image/png;base64,AA", "pictures/ada.png", "https://a b"]
)
async def test_a_picture_is_at_an_address(database: Database, ours: Tenant, *, image: str) -> None:
    """What a browser would not fetch as a picture is not kept as one."""
    made = await make_member(database, ours)
    with pytest.raises(ValidationFailed) as refused:
        await call(database, ours.scope, update_user, user_id=made.id, image=image)
    assert refused.value.details.keys() == {"image"}


async def test_every_wrong_field_is_named(database: Database, ours: Tenant) -> None:
    """Wrong types, nothing where something must be, and what cannot be changed are named at once."""
    made = await make_member(database, ours)
    wrong: dict[str, Any] = {"email": None, "name": 5, "image": "x" * 2049, "email_verified": True, "role": "owner"}

    with pytest.raises(ValidationFailed) as refused:
        await call(database, ours.scope, update_user, user_id=made.id, **wrong)

    assert refused.value.details == {
        "email": "must be text",
        "name": "must be text",
        "image": "is longer than 2048 characters",
        "email_verified": "cannot be given here",
        "role": "cannot be given here",
    }


async def test_a_new_address_is_not_verified(database: Database, ours: Tenant) -> None:
    """Another address has to be verified again; the same one, however it is written, does not."""
    made = await make_member(database, ours, email=ADA)
    await tell(database, "update users set email_verified = true")

    for twin in TWINS:
        assert (await call(database, ours.scope, update_user, user_id=made.id, email=twin)).email_verified
    after = await call(database, ours.scope, update_user, user_id=made.id, email="Eve@example.org")
    assert (after.email, after.email_verified) == ("eve@example.org", False)


async def test_an_address_that_moves_meanwhile_is_not_verified(database: Database, ours: Tenant) -> None:
    """Of two changes of an address at once the second one judges what the first one left."""
    made = await make_member(database, ours, email=ADA)
    await tell(database, "update users set email_verified = true")

    async def back() -> None:
        await call(database, ours.scope, update_user, user_id=made.id, email=ADA)

    async with anyio.create_task_group() as tasks, database.unit_of_work(ours.scope) as session:
        await update_user(session, ours.scope, user_id=made.id, email="eve@example.org")
        await session.execute(text("update users set email_verified = true"))
        tasks.start_soon(back)
        await until_blocked(database)
    assert not (await call(database, ours.scope, get_user, user_id=made.id)).email_verified


async def test_soft_deleted_one_is_not_there(database: Database, ours: Tenant) -> None:
    """A user who is soft-deleted vanishes from reads, pages, totals, searches, joins and changes, unless asked for."""
    made, other = await make_member(database, ours, email=ADA), await make_member(database, ours)
    gone = await call(database, ours.scope, soft_delete_user, user_id=made.id)

    assert gone == replace(made, deleted_at=gone.deleted_at, updated_at=gone.updated_at)
    assert gone.deleted_at == gone.updated_at > made.updated_at
    with pytest.raises(NotFound):
        await call(database, ours.scope, get_user_by_email, email=ADA)
    for function in (get_user, get_user_with_organization, update_user, soft_delete_user):
        with pytest.raises(NotFound):
            await call(database, ours.scope, function, user_id=made.id)
    with pytest.raises(NotFound):
        await call(database, ours.scope, grant_role, user_id=made.id, role_id="viewer")
    cases: list[tuple[dict[str, Any], list[Any]]] = [
        ({}, [other]),
        ({"search": "ada@"}, []),
        ({"role_id": "member"}, [other]),
    ]
    for given, found in cases:
        page = await call(database, ours.scope, get_user_page, window=Window(), **given)
        assert (list(page.data), page.total) == (found, len(found))
        shown = await call(database, ours.scope, get_user_page, window=Window(), deleted=True, **given)
        assert (list(shown.data), shown.total) == ([*found, gone], len(found) + 1)
    assert await call(database, ours.scope, get_user, user_id=made.id, deleted=True) == gone


async def test_nothing_works_for_a_soft_deleted_one(database: Database, ours: Tenant) -> None:
    """A soft-deleted user's permissions, membership and API keys stop; restored, all is as it was."""
    await make_member(database, ours, "owner")
    user = await make_member(database, ours, "admin")
    key: dict[str, Any] = {"name": "k", "user_id": user.id, "scopes": ["items:read"], "pepper": PEPPER}
    _key, raw = await call(database, ours.scope, create_api_key, **key)

    async def works() -> list[bool]:
        try:
            principal = await call(database, FLEET, authenticate, raw=raw, pepper=PEPPER)
        except Unauthenticated:
            principal = None
        return [
            principal is not None,
            await call(database, ours.scope, permissions_of, user_id=user.id) == SYSTEM_ROLES["admin"],
            await call(database, ours.scope, is_member, user_id=user.id),
        ]

    assert await works() == [True] * 3
    await call(database, ours.scope, soft_delete_user, user_id=user.id)
    assert await works() == [False] * 3
    with pytest.raises(ValidationFailed):
        await call(database, ours.scope, create_queue, name="mail", created_by=user.id)
    back = await call(database, ours.scope, restore_user, user_id=user.id)
    assert back == replace(user, updated_at=back.updated_at)
    assert await works() == [True] * 3


async def test_restoring_whoever_is_there_does_nothing(database: Database, ours: Tenant) -> None:
    """A user who is not deleted stays as is, without an event; one who never was is not found."""
    made = await make_member(database, ours)
    await forget(database)

    assert await call(database, ours.scope, restore_user, user_id=made.id) == made
    assert await actions(database) == []
    with pytest.raises(NotFound):
        await call(database, ours.scope, restore_user, user_id=new_id())


async def test_an_address_is_free_while_its_owner_is_deleted(database: Database, ours: Tenant, theirs: Tenant) -> None:
    """A soft-deleted user's address can be taken, here and elsewhere; the user comes back when it is free again."""
    made = await make_member(database, ours, email=ADA)
    await call(database, ours.scope, soft_delete_user, user_id=made.id)
    usurper = await call(database, theirs.scope, upsert_user, email=TWINS[0], name="Usurper")
    assert usurper.id != made.id

    with pytest.raises(Conflict) as taken:
        await call(database, ours.scope, restore_user, user_id=made.id)
    assert taken.value.details == {"email": "is taken"}
    await call(database, theirs.scope, update_user, user_id=usurper.id, email="usurper@example.org")
    assert (await call(database, ours.scope, restore_user, user_id=made.id)).deleted_at is None


@pytest.mark.parametrize("soft_deleted", [False, True])
async def test_the_trail_tells_what_ended_with_a_user(
    database: Database, ours: Tenant, theirs: Tenant, *, soft_deleted: bool
) -> None:
    """Deleted from above, the trail of each organization tells of a user's keys and offers there, and of sessions."""
    user = await make_member(database, ours, "admin")
    async with database.unit_of_work(FLEET) as session:
        await admit_member(
            session, FLEET, organization_id=theirs.organization_id, user_id=user.id, role_id="admin", actor=OPERATOR
        )
        for home in (ours, theirs):
            whose: dict[str, Any] = {"organization_id": home.organization_id, "invited_by": user.id}
            await create_invitation(session, FLEET, email="b@example.org", role_id="viewer", **whose)
    for home in (ours, theirs):
        key: dict[str, Any] = {"name": "k", "user_id": user.id, "scopes": ["items:read"], "pepper": PEPPER}
        await call(database, home.scope, create_api_key, **key)
    await sign_in(database, user.id)
    await forget(database)
    if soft_deleted:
        await call(database, ours.scope, soft_delete_user, user_id=user.id)
        await forget(database)

    await call(database, FLEET, delete_user, user_id=user.id)

    told = {(row.organization_id, row.action) for row in await tell(database, "table audit_events")}
    ended = {"api_key.deleted", "invitation.revoked"}
    own = {"user.signed_out", "user.deleted"}
    assert told == {(home.organization_id, action) for home in (ours, theirs) for action in ended} | {
        (ours.organization_id, action) for action in own
    }


@pytest.mark.parametrize("soft_deleted", [False, True])
async def test_what_hangs_on_a_user_goes(database: Database, ours: Tenant, *, soft_deleted: bool) -> None:
    """Deleted for good, a user takes along roles, keys, sessions and credentials; what the user made stays."""
    user = await make_member(database, ours, "admin")
    key: dict[str, Any] = {"name": "k", "user_id": user.id, "scopes": ["items:read"], "pepper": PEPPER}
    await call(database, ours.scope, create_api_key, **key)
    queue = await call(database, ours.scope, create_queue, name="mail", created_by=user.id)
    for statement in HANGING.split(";\n")[:-1]:
        values = {"id": user.id, **({"home": ours.organization_id} if ":home" in statement else {})}
        await tell(database, statement, **values)
    if soft_deleted:
        await call(database, ours.scope, soft_delete_user, user_id=user.id)

    await call(database, ours.scope, delete_user, user_id=user.id)

    for table in ("users", "user_roles", "api_keys", "sessions", "credentials"):
        assert await tell(database, f"table {table}") == [], table
    assert (await call(database, ours.scope, get_queue, queue_id=queue.id)).created_by is None
    assert [bool(row.revoked_at) for row in await tell(database, "table invitations")] == [True]
    with pytest.raises(NotFound):
        await call(database, ours.scope, delete_user, user_id=user.id)
    with pytest.raises(NotFound):
        await call(database, ours.scope, restore_user, user_id=user.id)


@pytest.mark.parametrize("function", [delete_user, soft_delete_user])
@pytest.mark.parametrize("system", [False, True])
async def test_of_two_deletions_one_is_too_late(
    database: Database, ours: Tenant, *, function: Any, system: bool
) -> None:
    """Deleted by two at once, a user is deleted once: the second one finds nobody, and writes no event."""
    made = await make_member(database, ours)
    await forget(database)

    assert await overtaken(database, FLEET if system else ours.scope, function, user_id=made.id) is NotFound
    assert len(await actions(database)) == 1


@pytest.mark.parametrize("function", [delete_user, soft_delete_user, restore_user, update_user])
async def test_nobody_reaches_whom_may_do_more(database: Database, ours: Tenant, *, function: Any) -> None:
    """An admin neither removes nor brings back an owner, nor takes an owner's address; another owner does."""
    owner, _other = await make_member(database, ours, "owner"), await make_member(database, ours, "owner")
    given = {"user_id": owner.id, **({"email": ADA} if function is update_user else {})}
    if function is restore_user:
        await call(database, ours.scope, soft_delete_user, user_id=owner.id)
    before = await tell(database, "table users")

    with pytest.raises(Forbidden, match="organization:manage"):
        await call(database, ours.scope, function, actor=acting("admin"), **given)
    assert await tell(database, "table users") == before
    await call(database, ours.scope, function, actor=acting("owner"), **given)


async def test_harmless_fields_can_be_changed_by_less(database: Database, ours: Tenant) -> None:
    """An admin corrects an owner's name, and everybody's address who may do no more than the admin."""
    owner, member = await make_member(database, ours, "owner"), await make_member(database, ours)

    named = {"name": "Ada", "email": owner.email.upper()}
    assert (
        await call(database, ours.scope, update_user, user_id=owner.id, actor=acting("admin"), **named)
    ).name == "Ada"
    await call(database, ours.scope, update_user, user_id=member.id, actor=acting("admin"), email=ADA)
    await call(database, ours.scope, delete_user, user_id=member.id, actor=acting("admin"))


@pytest.mark.parametrize("role", ["owner", "admin"])
async def test_nobody_makes_a_user_who_may_do_more(database: Database, ours: Tenant, *, role: str) -> None:
    """A user is made in a role that may do no more than the maker; refused, neither user nor event is left."""
    maker = acting("member" if role == "admin" else "admin")
    with pytest.raises(Forbidden):
        await call(database, ours.scope, create_user, email=ADA, name="Ada", role=role, actor=maker)
    assert await tell(database, "table users") == []
    assert await actions(database) == []
    await call(database, ours.scope, create_user, email=ADA, name="Ada", role=role, actor=acting(role))


class TestUpsert:
    """Users made or changed by their addresses."""

    async def test_missing_ones_are_made_and_present_ones_changed(self, database: Database, ours: Tenant) -> None:
        """Users come back in the order given: the present keep id, role and verification, new ones are members."""
        ada = await make_member(database, ours, "viewer", email=ADA, image="https://a/b.png")
        await tell(database, "update users set email_verified = true")
        given: list[Any] = [
            {"email": "zoe@example.org", "name": "Zoe"},
            {"email": TWINS[0], "name": "Augusta", "image": "https://c/d.png"},
            {"email": "bob@example.org", "name": "Bob", "image": "https://e/f.png"},
        ]

        zoe, augusta, bob = await call(database, ours.scope, upsert_users, users=given)

        assert names([zoe, augusta, bob]) == ["Zoe", "Augusta", "Bob"]
        assert (augusta.id, augusta.email_verified, augusta.image) == (ada.id, True, "https://c/d.png")
        assert augusta.updated_at > ada.updated_at
        assert augusta.created_at == ada.created_at
        for user, role in ((zoe, "member"), (augusta, "viewer"), (bob, "member")):
            assert await call(database, ours.scope, get_user, user_id=user.id) == user
            assert names(await call(database, ours.scope, roles_of, user_id=user.id)) == [role]

    async def test_a_deleted_one_is_not_revived(self, database: Database, ours: Tenant) -> None:
        """The address of a soft-deleted user makes a new user."""
        gone = await make_member(database, ours, email=ADA)
        await call(database, ours.scope, soft_delete_user, user_id=gone.id)

        made = await call(database, ours.scope, upsert_user, email=ADA, name="Ada")
        assert made.id != gone.id
        assert (await call(database, ours.scope, get_user, user_id=gone.id, deleted=True)).name == gone.name

    async def test_all_or_none(self, database: Database, ours: Tenant, theirs: Tenant) -> None:
        """With one address of somebody elsewhere nobody is made or changed, and only which one is said."""
        await make_member(database, ours, email=ADA, name="Ada")
        stranger = await make_member(database, theirs, email="eve@example.org")
        before = await tell(database, "select * from users order by id")
        await forget(database)
        emails = ["new@example.org", "EVE@example.org", ADA]

        with pytest.raises(Conflict) as taken:
            await call(database, ours.scope, upsert_users, users=[{"email": email, "name": "N"} for email in emails])

        assert taken.value.details == {"users[1].email": "is taken"}
        assert stranger.name not in str(taken.value)
        assert await tell(database, "select * from users order by id") == before
        assert await actions(database) == []

    async def test_every_wrong_field_is_named(self, database: Database, ours: Tenant) -> None:
        """What is wrong with any of the users is named at once, also what is missing and who comes twice."""
        users: list[Any] = [
            {"email": ADA, "name": "Ada"},
            {"name": "Nobody"},
            {"email": TWINS[1], "name": "Ada"},
            {"email": "b@example.org", "name": None, "role": "owner"},
        ]
        with pytest.raises(ValidationFailed) as refused:
            await call(database, ours.scope, upsert_users, users=users)
        assert refused.value.details == {
            "users[1].email": "must be text",
            "users[2].email": "is given twice",
            "users[3].name": "must be text",
            "users[3].role": "cannot be given here",
        }
        with pytest.raises(ValidationFailed) as refused:
            await call(database, ours.scope, upsert_user, email="nobody", name="")
        assert refused.value.details.keys() == {"email", "name"}

    @pytest.mark.parametrize("count", [0, 1001])
    async def test_there_are_bounds(self, database: Database, ours: Tenant, *, count: int) -> None:
        """None at all, or more than a thousand, are refused by name."""
        users: list[Any] = [{"email": f"u{number}@example.org", "name": "U"} for number in range(count)]
        with pytest.raises(ValidationFailed) as refused:
            await call(database, ours.scope, upsert_users, users=users)
        assert refused.value.details.keys() == {"users"}

    async def test_nobody_makes_members_who_may_do_more(self, database: Database, ours: Tenant) -> None:
        """A viewer makes no member, for that may do more, but may correct one who is there."""
        with pytest.raises(Forbidden):
            await call(database, ours.scope, upsert_user, email=ADA, name="Ada", actor=acting("viewer"))
        assert await tell(database, "table users") == []
        made = await call(database, ours.scope, upsert_user, email=ADA, name="Ada", actor=acting("member"))
        again = await call(database, ours.scope, upsert_user, email=ADA, name="Eve", actor=acting("viewer"))
        assert (again.id, again.name) == (made.id, "Eve")

    async def test_many_at_once_end_in_one(self, database: Database, ours: Tenant) -> None:
        """Fifty upserts of one address at once make one user with one role, and all return that one."""
        found: list[str] = []

        async def upsert(number: int) -> None:
            found.append((await call(database, ours.scope, upsert_user, email=ADA, name=f"Ada {number}")).id)

        async with anyio.create_task_group() as tasks:
            for number in range(50):
                tasks.start_soon(upsert, number)

        assert (len(found), len(set(found))) == (50, 1)
        assert [row.id for row in await tell(database, "table users")] == found[:1]
        events = await actions(database)
        assert (events.count("user.created"), events.count("member.role_granted")) == (1, 1)


async def test_what_an_upsert_does_not_give_stays(database: Database, ours: Tenant) -> None:
    """An upsert without a picture keeps the one there is, also beside one that brings its own; a new user has none."""
    picture, other = "https://example.org/ada.png", "https://example.org/bob.png"
    await call(database, ours.scope, upsert_user, email=ADA, name="Ada", image=picture)
    given: list[Any] = [{"email": ADA, "name": "Ada L."}, {"email": "bob@example.org", "name": "Bob", "image": other}]
    given.append({"email": "eve@example.org", "name": "Eve"})

    for users in (given, given[::-1]):
        done = await call(database, ours.scope, upsert_users, users=users)
        assert {user.name: user.image for user in done} == {"Ada L.": picture, "Bob": other, "Eve": None}
    cleared = await call(database, ours.scope, upsert_user, email=ADA, name="Ada", image=None)
    assert cleared.image is None
