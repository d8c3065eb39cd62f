"""Every use case of what an organization has, and a world in which each of them has something to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from tests.fixtures.items import FLEET
from tests.fixtures.people import PEPPER
from tests.transactions.trying import UseCase

from fairlead.db.session import Database, Session
from fairlead.db.tenancy import TenantScope, tenant
from fairlead.domain.ids import new_id
from fairlead.engine.enqueue import NewItem
from fairlead.services import (
    accounts,
    api_keys,
    invitations,
    item_streams,
    items,
    key_use,
    lease_batches,
    leases,
    members,
    organizations,
    queues,
    roles,
    schedules,
    unique_items,
    users,
)
from fairlead.services.item_rules import ItemInput
from fairlead.services.leases import HeldItem

SCOPES: Final = ["items:read"]


@dataclass(frozen=True)
class World:
    """An organization with something of every kind, and the ids of it."""

    scope: TenantScope
    owner: str
    member: str
    deleted_user: str
    role: str
    queue: str
    deleted_queue: str
    schedule: str
    paused_schedule: str
    deleted_organization: str
    key: str
    paused_queue: str
    waiting: list[str]
    keyed: str
    failed: list[str]
    failed_where_full: list[str]
    held: HeldItem
    stopping: HeldItem

    @property
    def home(self) -> str:
        """The organization's id."""
        return self.scope.organization_id

    @property
    def lease(self) -> dict[str, Any]:
        """What an outcome of the held item shows."""
        return {"item_id": self.held.item.id, "lease": self.held.lease}


async def founded_by(session: Session, scope: Any, slug: str, **given: Any) -> organizations.Founded:
    """Found an organization whose owner has an address at its slug, unless told otherwise."""
    people = {"owner_email": f"owner@{slug}.org", "owner_name": "Owner", **given}
    return await organizations.found_organization(session, scope, name=slug, slug=slug, **people)


async def _failed(session: Session, scope: TenantScope, queue_id: str, *, count: int) -> list[str]:
    ids = await items.enqueue_items(session, scope, queue_id=queue_id, items=[ItemInput({"n": 0})] * count)
    for one in await leases.claim_items(session, scope, queue_id=queue_id, limit=count, worker_id="worker"):
        await leases.fail_item(session, scope, item_id=one.item.id, lease=one.lease, error="no", retry=False)
    return ids


async def make_world(database: Database) -> World:
    """Make the world."""
    async with database.unit_of_work(FLEET) as session:
        founded = await founded_by(session, FLEET, "acme")
        other = await founded_by(session, FLEET, "other")
        await organizations.soft_delete_organization(session, FLEET, organization_id=other.organization.id)
    own = tenant(founded.organization.id)
    async with database.unit_of_work(own) as session:
        member = await users.create_user(session, own, email="ada@acme.org", name="Ada")
        gone = await users.create_user(session, own, email="gone@acme.org", name="Gone")
        await users.soft_delete_user(session, own, user_id=gone.id)
        role = await roles.create_role(session, own, name="reader", permissions=SCOPES)
        key, _ = await api_keys.create_api_key(
            session, own, name="key", user_id=founded.owner.id, scopes=SCOPES, pepper=PEPPER
        )
        old = await queues.create_queue(session, own, name="old")
        await queues.soft_delete_queue(session, own, queue_id=old.id)
        queue_id = founded.queue.id
        timed = [
            await schedules.create_schedule(session, own, queue_id=queue_id, name=name, cron="0 0 29 2 *")
            for name in ("on", "off")
        ]
        await schedules.pause_schedule(session, own, schedule_id=timed[1].id)
        paused = await queues.create_queue(session, own, name="paused")
        await queues.pause_queue(session, own, queue_id=paused.id)
        full = await queues.create_queue(session, own, name="full", max_depth=1)
        failed = await _failed(session, own, queue_id, count=2)
        failed_where_full = await _failed(session, own, full.id, count=1)
        await items.enqueue_items(session, own, queue_id=full.id, items=[ItemInput({"n": 1})])
        first = [ItemInput({"n": 1}, unique_key="here"), *[ItemInput({"n": 1})] * 3]
        ids = await items.enqueue_items(session, own, queue_id=queue_id, items=first[1:])
        ids += await items.enqueue_items(session, own, queue_id=queue_id, items=first[:1])
        held, stopping = await leases.claim_items(
            session, own, queue_id=queue_id, limit=2, worker_id="worker", lease_seconds=3600
        )
        await items.cancel_items(session, own, item_ids=[stopping.item.id])
    async with database.unit_of_work(FLEET) as session:
        offer: dict[str, Any] = {"organization_id": own.organization_id, "email": "n@acme.org", "role_id": "viewer"}
        await invitations.create_invitation(session, FLEET, **offer, invited_by=member.id)
    return World(
        scope=own,
        owner=founded.owner.id,
        member=member.id,
        deleted_user=gone.id,
        role=role.id,
        queue=queue_id,
        deleted_queue=old.id,
        schedule=timed[0].id,
        paused_schedule=timed[1].id,
        deleted_organization=other.organization.id,
        key=key.id,
        paused_queue=paused.id,
        failed=failed,
        failed_where_full=failed_where_full,
        keyed=ids[-1],
        waiting=[item_id for item_id in ids if item_id not in {held.item.id, stopping.item.id}],
        held=held,
        stopping=stopping,
    )


ITEMS: Final = [ItemInput({"n": number}) for number in range(3)]
# The world has an item with the key of the first, which waits and is replaced.
_UNIQUE: Final = [
    NewItem(new_id(), {"n": 2}, unique_key="here", unique_while="active"),
    NewItem(new_id(), {"n": 3}, unique_key="new", unique_seconds=60),
]
PEOPLE: Final[list[users.UserInput]] = [{"email": f"{name}@acme.org", "name": name} for name in ("ada", "bob", "eve")]
NEW_KEY: Final[dict[str, Any]] = {"scopes": SCOPES, "pepper": PEPPER}

USE_CASES: Final = {
    "accounts.recount_queue": UseCase(lambda s, o, w: accounts.recount_queue(s, o, queue_id=w.queue)),
    "api_keys.create_api_key": UseCase(
        lambda s, o, w: api_keys.create_api_key(s, o, name="k", user_id=w.owner, **NEW_KEY)
    ),
    "api_keys.create_user_with_api_key": UseCase(
        lambda s, o, _: api_keys.create_user_with_api_key(s, o, email="n@acme.org", name="N", key_name="k", **NEW_KEY)
    ),
    "api_keys.rotate_api_key": UseCase(lambda s, o, w: api_keys.rotate_api_key(s, o, api_key_id=w.key, pepper=PEPPER)),
    "api_keys.update_api_key": UseCase(lambda s, o, w: api_keys.update_api_key(s, o, api_key_id=w.key, name="new")),
    "api_keys.revoke_api_key": UseCase(lambda s, o, w: api_keys.revoke_api_key(s, o, api_key_id=w.key)),
    "api_keys.delete_api_key": UseCase(lambda s, o, w: api_keys.delete_api_key(s, o, api_key_id=w.key)),
    "items.enqueue_items": UseCase(lambda s, o, w: items.enqueue_items(s, o, queue_id=w.queue, items=ITEMS)),
    "item_streams.enqueue_stream": UseCase(
        lambda s, o, w: item_streams.enqueue_stream(s, o, queue_id=w.queue, items=ITEMS)
    ),
    "items.update_item": UseCase(lambda s, o, w: items.update_item(s, o, item_id=w.waiting[0], priority=5)),
    "items.delete_item": UseCase(lambda s, o, w: items.delete_item(s, o, item_id=w.waiting[0])),
    "items.delete_items": UseCase(lambda s, o, w: items.delete_items(s, o, item_ids=w.waiting)),
    "items.cancel_item": UseCase(lambda s, o, w: items.cancel_item(s, o, item_id=w.held.item.id)),
    "items.cancel_items": UseCase(lambda s, o, w: items.cancel_items(s, o, item_ids=[*w.waiting, w.held.item.id])),
    "items.cancel_matching": UseCase(lambda s, o, w: items.cancel_matching(s, o, queue_id=w.queue)),
    "items.retry_item": UseCase(lambda s, o, w: items.retry_item(s, o, item_id=w.failed[0])),
    "items.retry_items": UseCase(lambda s, o, w: items.retry_items(s, o, item_ids=w.failed)),
    "items.retry_matching": UseCase(lambda s, o, w: items.retry_matching(s, o, queue_id=w.queue)),
    "unique_items.enqueue_within_limits": UseCase(
        lambda s, o, w: unique_items.enqueue_within_limits(
            s, o, queue_id=w.queue, items=_UNIQUE, policies=["replace", "replace"]
        )
    ),
    "unique_items.replaced": UseCase(
        lambda s, o, w: unique_items.replaced(s, o, queue_id=w.queue, holders={w.keyed: _UNIQUE[0]})
    ),
    "lease_batches.complete_items": UseCase(
        lambda s, o, w: lease_batches.complete_items(
            s, o, items=[lease_batches.Completed(one.item.id, one.lease) for one in (w.held, w.stopping)]
        )
    ),
    "lease_batches.fail_items": UseCase(
        lambda s, o, w: lease_batches.fail_items(
            s, o, items=[lease_batches.Failed(one.item.id, one.lease, "no") for one in (w.held, w.stopping)]
        )
    ),
    "lease_batches.release_items": UseCase(
        lambda s, o, w: lease_batches.release_items(s, o, leases={w.held.item.id: w.held.lease})
    ),
    "lease_batches.renew_items": UseCase(
        lambda s, o, w: lease_batches.renew_items(
            s, o, items=[lease_batches.Renewed(w.held.item.id, w.held.lease, {"n": 1})], lease_seconds=900
        )
    ),
    "leases.claim_items": UseCase(lambda s, o, w: leases.claim_items(s, o, queue_id=w.queue, limit=2, worker_id="w")),
    "leases.renew_item": UseCase(lambda s, o, w: leases.renew_item(s, o, progress={"n": 1}, **w.lease)),
    "leases.complete_item": UseCase(lambda s, o, w: leases.complete_item(s, o, result={"n": 1}, **w.lease)),
    "leases.fail_item": UseCase(lambda s, o, w: leases.fail_item(s, o, error="no", **w.lease)),
    "leases.release_item": UseCase(lambda s, o, w: leases.release_item(s, o, **w.lease)),
    "leases.end_cancelled_item": UseCase(
        lambda s, o, w: leases.end_cancelled_item(s, o, item_id=w.stopping.item.id, lease=w.stopping.lease)
    ),
    "leases.snooze_item": UseCase(lambda s, o, w: leases.snooze_item(s, o, delay_seconds=9, **w.lease)),
    "key_use.record_key_use": UseCase(lambda s, o, w: key_use.record_key_use(s, o, api_key_ids=[w.key]), above=True),
    "members.grant_role_to_all": UseCase(
        lambda s, o, w: members.grant_role_to_all(s, o, user_ids=[w.owner, w.member], role_id=w.role)
    ),
    "members.grant_role": UseCase(lambda s, o, w: members.grant_role(s, o, user_id=w.member, role_id=w.role)),
    "members.revoke_role": UseCase(lambda s, o, w: members.revoke_role(s, o, user_id=w.member, role_id="member")),
    "members.set_roles": UseCase(lambda s, o, w: members.set_roles(s, o, user_id=w.member, role_ids=[w.role, "owner"])),
    "members.remove_member": UseCase(lambda s, o, w: members.remove_member(s, o, user_id=w.member)),
    "organizations.create_organization": UseCase(
        lambda s, o, _: organizations.create_organization(s, o, name="N", slug="n"), above=True
    ),
    "organizations.found_organization": UseCase(lambda s, o, _: founded_by(s, o, "new"), above=True),
    "organizations.update_organization": UseCase(
        lambda s, o, w: organizations.update_organization(s, o, organization_id=w.home, name="New")
    ),
    "organizations.delete_organization": UseCase(
        lambda s, o, w: organizations.delete_organization(s, o, organization_id=w.home), above=True
    ),
    "organizations.soft_delete_organization": UseCase(
        lambda s, o, w: organizations.soft_delete_organization(s, o, organization_id=w.home)
    ),
    "organizations.restore_organization": UseCase(
        lambda s, o, w: organizations.restore_organization(s, o, organization_id=w.deleted_organization), above=True
    ),
    "queues.create_queue": UseCase(lambda s, o, w: queues.create_queue(s, o, name="new", created_by=w.owner)),
    "queues.create_queue_with_items": UseCase(
        lambda s, o, w: queues.create_queue_with_items(s, o, name="new", items=ITEMS, created_by=w.owner)
    ),
    "queues.update_queue": UseCase(lambda s, o, w: queues.update_queue(s, o, queue_id=w.queue, max_attempts=9)),
    "queues.update_queue with a limit": UseCase(
        lambda s, o, w: queues.update_queue(s, o, queue_id=w.queue, max_concurrency=1)
    ),
    "queues.pause_queue": UseCase(lambda s, o, w: queues.pause_queue(s, o, queue_id=w.queue)),
    "queues.resume_queue": UseCase(lambda s, o, w: queues.resume_queue(s, o, queue_id=w.paused_queue)),
    "queues.purge_queue": UseCase(lambda s, o, w: queues.purge_queue(s, o, queue_id=w.queue)),
    "queues.delete_queue": UseCase(lambda s, o, w: queues.delete_queue(s, o, queue_id=w.queue)),
    "queues.soft_delete_queue": UseCase(lambda s, o, w: queues.soft_delete_queue(s, o, queue_id=w.queue)),
    "queues.restore_queue": UseCase(lambda s, o, w: queues.restore_queue(s, o, queue_id=w.deleted_queue)),
    "roles.create_role": UseCase(lambda s, o, _: roles.create_role(s, o, name="new", permissions=SCOPES)),
    "roles.update_role": UseCase(lambda s, o, w: roles.update_role(s, o, role_id=w.role, name="new")),
    "roles.delete_role": UseCase(lambda s, o, w: roles.delete_role(s, o, role_id=w.role)),
    "schedules.create_schedule": UseCase(
        lambda s, o, w: schedules.create_schedule(s, o, queue_id=w.queue, name="new", cron="@daily")
    ),
    "schedules.update_schedule": UseCase(
        lambda s, o, w: schedules.update_schedule(s, o, schedule_id=w.schedule, cron="@daily", queue_id=w.queue)
    ),
    "schedules.pause_schedule": UseCase(lambda s, o, w: schedules.pause_schedule(s, o, schedule_id=w.schedule)),
    "schedules.resume_schedule": UseCase(
        lambda s, o, w: schedules.resume_schedule(s, o, schedule_id=w.paused_schedule)
    ),
    "schedules.delete_schedule": UseCase(lambda s, o, w: schedules.delete_schedule(s, o, schedule_id=w.schedule)),
    "schedules.run_schedule": UseCase(lambda s, o, w: schedules.run_schedule(s, o, schedule_id=w.schedule)),
    "users.create_user": UseCase(lambda s, o, w: users.create_user(s, o, email="n@acme.org", name="N", role=w.role)),
    "users.update_user": UseCase(lambda s, o, w: users.update_user(s, o, user_id=w.member, email="n@acme.org")),
    "users.delete_user": UseCase(lambda s, o, w: users.delete_user(s, o, user_id=w.member)),
    "users.delete_user above": UseCase(lambda s, o, w: users.delete_user(s, o, user_id=w.member), above=True),
    "users.soft_delete_user": UseCase(lambda s, o, w: users.soft_delete_user(s, o, user_id=w.member)),
    "users.restore_user": UseCase(lambda s, o, w: users.restore_user(s, o, user_id=w.deleted_user)),
    "users.upsert_user": UseCase(lambda s, o, _: users.upsert_user(s, o, email="n@acme.org", name="N")),
    "users.upsert_users": UseCase(lambda s, o, _: users.upsert_users(s, o, users=PEOPLE)),
}
