"""Two organizations with everything in them, and what a stranger would aim at.

Everything the victim owns carries a mark in its text, so that an answer or an error that shows any of it is caught; the
names that an attacker has to give (addresses, slugs) do not. A ghost is a target that does not exist: whoever attacks
the victim must get word for word what the ghost gets.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, Final

from sqlalchemy import text

from fairlead.db.session import Database
from fairlead.db.tenancy import TenantScope, system, tenant
from fairlead.domain.api_keys import new_key
from fairlead.domain.ids import new_id
from fairlead.domain.permissions import KEY_SCOPES
from fairlead.domain.tokens import SESSION_PREFIX, new_token, token_hash
from fairlead.services.api_keys import create_api_key, rotate_api_key
from fairlead.services.idempotency import Attempt, keep_answer, keep_personal_answer
from fairlead.services.item_rules import ItemInput
from fairlead.services.items import cancel_items, enqueue_items
from fairlead.services.leases import claim_items, complete_item
from fairlead.services.members import grant_role
from fairlead.services.organizations import found_organization
from fairlead.services.queues import create_queue, soft_delete_queue
from fairlead.services.roles import create_role
from fairlead.services.schedules import create_schedule
from fairlead.services.users import create_user, soft_delete_user

MARK: Final = "zqmark"
PEPPER: Final = b"a pepper for tests, at least this long"
ASKED: Final = Attempt("r", "k", "f")
FLEET: Final = system("the tenancy suite")
_SESSION: Final = text("select id from sessions where token_hash = :hash")
_INVITE: Final = text("""
insert into invitations (id, organization_id, email, role_id, role_scope, token_hash, expires_at, invited_by)
values (:id, :organization, 'invited@example.org', :role, :organization, :id, now() + interval '1 day', :inviter)
""")

_SIGN_IN: Final = text("""
insert into sessions (id, user_id, token_hash, idle_expires_at, expires_at)
values (:id, :user, :hash, now() + interval '1 day', now() + interval '1 day')
""")


@dataclass(frozen=True)
class Target:
    """What an attack names: each field is an id or a name in one organization, or (a ghost's) in none."""

    organization_id: str
    slug: str
    owner_id: str
    member_id: str
    member_email: str
    deleted_user_id: str
    role_id: str
    free_role_id: str
    invited_role_id: str
    invitation_id: str
    api_key_id: str
    rotated_key_id: str
    raw_key: str
    session_id: str
    session_token: str
    queue_id: str
    queue_name: str
    deleted_queue_id: str
    schedule_id: str
    schedule_name: str
    waiting_id: str
    held_id: str
    completed_id: str
    cancelled_id: str
    stopping_id: str
    event_id: str
    lease: int = 1

    @property
    def scope(self) -> TenantScope:
        """The scope of this organization."""
        return tenant(self.organization_id)


def ghost_of(target: Target) -> Target:
    """Return a target of the same form that does not exist."""
    ids: dict[str, Any] = {field.name: new_id() for field in fields(target) if field.name.endswith("_id")}
    names: dict[str, Any] = {
        "slug": f"s{new_id()}",
        "member_email": f"{new_id()}@example.org",
        "queue_name": f"q{new_id()}",
        "schedule_name": f"c{new_id()}",
    }
    return replace(target, **ids, **names, raw_key=new_key(), session_token=new_token(SESSION_PREFIX))


async def make_target(database: Database, *, mark: str) -> Target:
    """Make an organization with something of every kind, all of whose texts hold `mark`."""
    name = f"{mark}{new_id()}"
    async with database.unit_of_work(FLEET) as session:
        founded = await found_organization(
            session,
            FLEET,
            name=name,
            slug=f"s{new_id()}",
            owner_email=f"owner-{name}@example.org",
            owner_name=name,
            queue_name=f"q{new_id()}",
        )
        token = new_token(SESSION_PREFIX)
        await session.execute(_SIGN_IN.bindparams(id=new_id(), user=founded.owner.id, hash=token_hash(token)))
    scope = tenant(founded.organization.id)
    async with database.unit_of_work(scope) as session:
        member = await create_user(session, scope, email=f"{new_id()}@example.org", name=name)
        gone = await create_user(session, scope, email=f"gone-{name}@example.org", name=name)
        await soft_delete_user(session, scope, user_id=gone.id)
        role = await create_role(session, scope, name=f"role-{name}", permissions=["items:read"], description=name)
        free = await create_role(session, scope, name=f"free-{name}", permissions=["items:read"], description=name)
        offered = await create_role(session, scope, name=f"offered-{name}", permissions=["items:read"])
        invitation_id = new_id()
        invited = {"id": invitation_id, "role": offered.id, "inviter": founded.owner.id}
        await session.execute(_INVITE.bindparams(**invited, organization=scope.organization_id))
        await grant_role(session, scope, user_id=member.id, role_id=role.id)
        key, raw = await create_api_key(
            session, scope, name=name, user_id=founded.owner.id, scopes=KEY_SCOPES, pepper=PEPPER
        )
        old, _ = await create_api_key(
            session, scope, name=name, user_id=founded.owner.id, scopes=["items:read"], pepper=PEPPER
        )
        await rotate_api_key(session, scope, api_key_id=old.id, pepper=PEPPER)
        closed = await create_queue(session, scope, name=f"closed-{name}", description=name)
        await soft_delete_queue(session, scope, queue_id=closed.id)
        timed = await create_schedule(
            session,
            scope,
            queue_id=founded.queue.id,
            name=f"c{new_id()}",
            cron="0 0 29 2 *",
            payload={"text": name},
            task=name,
        )
        items = [ItemInput({"text": name}, task=name, tags=[name]) for _ in range(3)]
        items += [ItemInput({"text": name}, task=name, tags=[name], unique_key="theirs")]
        await enqueue_items(session, scope, queue_id=founded.queue.id, items=items)
        [dropped] = await enqueue_items(session, scope, queue_id=founded.queue.id, items=[ItemInput({"text": name})])
        await cancel_items(session, scope, item_ids=[dropped])
        await keep_answer(session, scope, attempt=ASKED, answer=name.encode(), secret=PEPPER)
    async with database.unit_of_work(scope) as session:
        held, done, stopping = await claim_items(
            session, scope, queue_id=founded.queue.id, limit=3, worker_id=name, lease_seconds=3600
        )
        await complete_item(session, scope, item_id=done.item.id, lease=done.lease, result={"text": name})
        await cancel_items(session, scope, item_ids=[stopping.item.id])
        [waiting] = [
            row[0] for row in await session.execute(text("select id from queue_items where status = 'waiting'"))
        ]
        [event] = (await session.execute(text("select id from audit_events order by id limit 1"))).scalars()
    async with database.unit_of_work(FLEET) as session:
        whose = founded.owner.id
        await keep_personal_answer(session, FLEET, user_id=whose, attempt=ASKED, answer=name.encode(), secret=PEPPER)
        [session_id] = (await session.execute(_SESSION.bindparams(hash=token_hash(token)))).scalars()
    return Target(
        organization_id=scope.organization_id,
        slug=founded.organization.slug,
        owner_id=founded.owner.id,
        member_id=member.id,
        member_email=member.email,
        deleted_user_id=gone.id,
        role_id=role.id,
        free_role_id=free.id,
        invited_role_id=offered.id,
        invitation_id=invitation_id,
        api_key_id=key.id,
        rotated_key_id=old.id,
        raw_key=raw,
        session_id=session_id,
        session_token=token,
        queue_id=founded.queue.id,
        queue_name=founded.queue.name,
        deleted_queue_id=closed.id,
        schedule_id=timed.id,
        schedule_name=timed.name,
        waiting_id=waiting,
        held_id=held.item.id,
        completed_id=done.item.id,
        cancelled_id=dropped,
        stopping_id=stopping.item.id,
        event_id=event,
        lease=held.lease,
    )


async def entangle(database: Database, own: Target, victim: Target) -> None:
    """Let the two have to do with each other, past the services: what each side's reads and writes have to leave out.

    A member here has a role there, a queue here was made by somebody there, a key here acts for somebody there, and a
    finished item there has the id of one here.
    """
    names = {
        "here": own.organization_id,
        "there": victim.organization_id,
        "owner": victim.owner_id,
        "user": victim.member_id,
    }
    names |= {"member": own.member_id, "queue": own.deleted_queue_id, "key": own.rotated_key_id}
    async with database.unit_of_work(FLEET) as session:
        for statement in _ENTANGLED:
            wanted = {name: value for name, value in names.items() if f":{name}" in statement}
            await session.execute(text(statement).bindparams(**wanted))


_ENTANGLED: Final = (
    "insert into user_roles (organization_id, user_id, role_id) values (:there, :member, 'admin')",
    "update queues set created_by = :owner where id = :queue",
    "update api_keys set user_id = :user where id = :key",
    """
    insert into queue_items (id, organization_id, queue_id, payload, status, finished_at)
    select i.id, t.organization_id, t.queue_id, t.payload, t.status, t.finished_at
    from queue_items i, queue_items t
    where i.organization_id = :here and t.organization_id = :there and i.status = 'completed' and t.status = 'completed'
    """,
)
