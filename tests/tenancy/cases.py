"""How each public function of the services is aimed at another organization, and at a ghost; and all cases together.

`own` is the attacker's organization, `at` the victim or the ghost. A case whose name has more after its function's is
a second way to call it.
"""

from __future__ import annotations

from typing import Any, Final

from tests.tenancy.access_cases import ACCESS_CASES, SYSTEM_ACCESS_CASES
from tests.tenancy.account_cases import SYSTEM_ACCOUNT_CASES
from tests.tenancy.case import Case
from tests.tenancy.query_cases import SYSTEM_QUERIES, TENANT_QUERIES
from tests.tenancy.schedule_cases import SCHEDULE_CASES, SYSTEM_SCHEDULE_CASES
from tests.tenancy.work_cases import WORK_CASES
from tests.tenancy.world import PEPPER, Target

from fairlead.db.session import Session
from fairlead.domain.api_keys import key_hash
from fairlead.domain.ids import new_id
from fairlead.domain.item_status import ItemStatus
from fairlead.engine.enqueue import NewItem
from fairlead.services import (
    access,
    accounts,
    audit,
    each_item,
    item_streams,
    items,
    key_rules,
    key_use,
    leases,
    members,
    organizations,
    queues,
    roles,
    unique_items,
    users,
)
from fairlead.services import api_keys as keys
from fairlead.services.item_rules import ItemInput

ADDRESS: Final = "an address is unique everywhere, and taken is all that is said"
WEAK: Final = audit.Actor("user", permissions=frozenset({"members:manage"}))


def _principal(own: Target, *, queue_ids: frozenset[str] | None) -> access.Principal:
    return access.Principal(
        own.organization_id,
        own.owner_id,
        frozenset({"items:read"}),
        api_key_id=own.api_key_id,
        queue_ids=queue_ids,
    )


async def _keep(session: Session, scope: Any, _own: Target, at: Target) -> object:
    async with members.keeping_an_owner(session, scope, user_id=at.owner_id):
        return None


TENANT_CASES: Final[dict[str, Case]] = (
    TENANT_QUERIES
    | SCHEDULE_CASES
    | ACCESS_CASES
    | WORK_CASES
    | {
        "services.access.require_item": Case(
            lambda s, scope, own, at: access.require_item(
                s, scope, principal=_principal(own, queue_ids=frozenset({at.queue_id})), item_id=at.waiting_id
            )
        ),
        "services.accounts.recount_queue": Case(
            lambda s, scope, _, at: accounts.recount_queue(s, scope, queue_id=at.queue_id)
        ),
        "services.api_keys.create_api_key": Case(
            lambda s, scope, _, at: keys.create_api_key(
                s, scope, name="k", user_id=at.owner_id, scopes=["items:read"], pepper=PEPPER
            )
        ),
        "services.api_keys.create_api_key for a queue": Case(
            lambda s, scope, own, at: keys.create_api_key(
                s, scope, name="k", user_id=own.owner_id, scopes=["items:read"], pepper=PEPPER, queue_ids=[at.queue_id]
            )
        ),
        "services.audit.record": Case(
            lambda s, scope, _, at: audit.record(
                s, scope, actor=WEAK, events=[audit.Event("queue.updated", audit.Subject("queue", at.queue_id))]
            )
        ),
        "services.item_streams.enqueue_stream": Case(
            lambda s, scope, _, at: item_streams.enqueue_stream(s, scope, queue_id=at.queue_id, items=[ItemInput({})])
        ),
        "services.items.enqueue_items": Case(
            lambda s, scope, _, at: items.enqueue_items(s, scope, queue_id=at.queue_id, items=[ItemInput({})])
        ),
        "services.leases.claim_items": Case(
            lambda s, scope, _, at: leases.claim_items(s, scope, queue_id=at.queue_id, limit=9, worker_id="w")
        ),
        "services.leases.renew_item": Case(
            lambda s, scope, _, at: leases.renew_item(s, scope, item_id=at.held_id, lease=at.lease, progress={"x": 1})
        ),
        "services.leases.complete_item": Case(
            lambda s, scope, _, at: leases.complete_item(s, scope, item_id=at.held_id, lease=at.lease)
        ),
        "services.leases.complete_item again": Case(
            lambda s, scope, _, at: leases.complete_item(s, scope, item_id=at.completed_id, lease=at.lease)
        ),
        "services.leases.fail_item": Case(
            lambda s, scope, _, at: leases.fail_item(s, scope, item_id=at.held_id, lease=at.lease, error="x")
        ),
        "services.leases.release_item": Case(
            lambda s, scope, _, at: leases.release_item(s, scope, item_id=at.held_id, lease=at.lease)
        ),
        "services.leases.end_cancelled_item": Case(
            lambda s, scope, _, at: leases.end_cancelled_item(s, scope, item_id=at.stopping_id, lease=at.lease)
        ),
        "services.leases.snooze_item": Case(
            lambda s, scope, _, at: leases.snooze_item(s, scope, item_id=at.held_id, lease=at.lease, delay_seconds=9)
        ),
        "services.members.keeping_an_owner": Case(_keep),
        "services.members.grant_role": Case(
            lambda s, scope, _, at: members.grant_role(s, scope, user_id=at.member_id, role_id="admin")
        ),
        "services.members.grant_role of theirs": Case(
            lambda s, scope, own, at: members.grant_role(s, scope, user_id=own.member_id, role_id=at.free_role_id)
        ),
        "services.members.grant_role_to_all": Case(
            lambda s, scope, own, at: members.grant_role_to_all(
                s, scope, user_ids=[own.member_id, at.member_id], role_id="admin"
            ),
            own=False,
        ),
        "services.members.revoke_role": Case(
            lambda s, scope, _, at: members.revoke_role(s, scope, user_id=at.member_id, role_id="member")
        ),
        "services.members.revoke_role of theirs": Case(
            lambda s, scope, _, at: members.revoke_role(s, scope, user_id=at.member_id, role_id=at.role_id)
        ),
        "services.members.set_roles": Case(
            lambda s, scope, _, at: members.set_roles(s, scope, user_id=at.member_id, role_ids=["viewer"])
        ),
        "services.members.set_roles of theirs": Case(
            lambda s, scope, own, at: members.set_roles(s, scope, user_id=own.member_id, role_ids=[at.free_role_id])
        ),
        "services.members.remove_member": Case(
            lambda s, scope, _, at: members.remove_member(s, scope, user_id=at.member_id)
        ),
        "services.organizations.update_organization": Case(
            lambda s, scope, _, at: organizations.update_organization(
                s, scope, organization_id=at.organization_id, name="taken over"
            )
        ),
        "services.organizations.soft_delete_organization": Case(
            lambda s, scope, _, at: organizations.soft_delete_organization(s, scope, organization_id=at.organization_id)
        ),
        "services.queues.create_queue": Case(
            lambda s, scope, _, at: queues.create_queue(s, scope, name=f"x{at.queue_name}")
        ),
        "services.queues.create_queue by one of theirs": Case(
            lambda s, scope, _, at: queues.create_queue(s, scope, name="q", created_by=at.owner_id)
        ),
        "services.queues.create_queue_with_items": Case(
            lambda s, scope, _, at: queues.create_queue_with_items(
                s, scope, name="q", created_by=at.owner_id, items=[ItemInput({})]
            )
        ),
        "services.queues.update_queue": Case(
            lambda s, scope, _, at: queues.update_queue(s, scope, queue_id=at.queue_id, max_attempts=9)
        ),
        "services.queues.update_queue with a limit": Case(
            lambda s, scope, _, at: queues.update_queue(s, scope, queue_id=at.queue_id, max_concurrency=9)
        ),
        "services.queues.pause_queue": Case(lambda s, scope, _, at: queues.pause_queue(s, scope, queue_id=at.queue_id)),
        "services.queues.resume_queue": Case(
            lambda s, scope, _, at: queues.resume_queue(s, scope, queue_id=at.queue_id)
        ),
        "services.queues.delete_queue": Case(
            lambda s, scope, _, at: queues.delete_queue(s, scope, queue_id=at.deleted_queue_id)
        ),
        "services.queues.soft_delete_queue": Case(
            lambda s, scope, _, at: queues.soft_delete_queue(s, scope, queue_id=at.queue_id)
        ),
        "services.queues.restore_queue": Case(
            lambda s, scope, _, at: queues.restore_queue(s, scope, queue_id=at.deleted_queue_id)
        ),
        "services.roles.create_role": Case(
            lambda s, scope, _, at: roles.create_role(s, scope, name=f"r{at.slug}", permissions=["items:read"])
        ),
        "services.roles.update_role": Case(
            lambda s, scope, _, at: roles.update_role(s, scope, role_id=at.role_id, permissions=[])
        ),
        "services.roles.delete_role": Case(
            lambda s, scope, _, at: roles.delete_role(s, scope, role_id=at.free_role_id)
        ),
        "services.users.create_user": Case(
            lambda s, scope, _, at: users.create_user(s, scope, email=at.member_email, name="x"),
            hint=ADDRESS,
            own=False,
        ),
        "services.users.create_user in a role of theirs": Case(
            lambda s, scope, _, at: users.create_user(s, scope, email="new@example.org", name="x", role=at.free_role_id)
        ),
        "services.users.update_user": Case(
            lambda s, scope, _, at: users.update_user(s, scope, user_id=at.member_id, name="taken over")
        ),
        "services.users.update_user to their address": Case(
            lambda s, scope, own, at: users.update_user(s, scope, user_id=own.member_id, email=at.member_email),
            hint=ADDRESS,
        ),
        "services.users.delete_user": Case(lambda s, scope, _, at: users.delete_user(s, scope, user_id=at.member_id)),
        "services.users.delete_user deleted": Case(
            lambda s, scope, _, at: users.delete_user(s, scope, user_id=at.deleted_user_id)
        ),
        "services.users.soft_delete_user": Case(
            lambda s, scope, _, at: users.soft_delete_user(s, scope, user_id=at.member_id)
        ),
        "services.users.restore_user": Case(
            lambda s, scope, _, at: users.restore_user(s, scope, user_id=at.deleted_user_id)
        ),
        "services.users.upsert_user": Case(
            lambda s, scope, _, at: users.upsert_user(s, scope, email=at.member_email, name="taken over"), hint=ADDRESS
        ),
        "services.users.upsert_users": Case(
            lambda s, scope, _, at: users.upsert_users(
                s,
                scope,
                users=[{"email": "new@example.org", "name": "x"}, {"email": at.member_email, "name": "taken over"}],
            ),
            hint=ADDRESS,
        ),
        "services.api_keys.create_user_with_api_key": Case(
            lambda s, scope, _, at: keys.create_user_with_api_key(
                s, scope, email=at.member_email, name="x", key_name="k", scopes=["items:read"], pepper=PEPPER
            ),
            hint=ADDRESS,
            own=False,
        ),
        "services.api_keys.create_user_with_api_key for a queue": Case(
            lambda s, scope, _, at: keys.create_user_with_api_key(
                s,
                scope,
                email="new@example.org",
                name="x",
                key_name="k",
                scopes=["items:read"],
                pepper=PEPPER,
                queue_ids=[at.queue_id],
            )
        ),
        "services.api_keys.delete_api_key": Case(
            lambda s, scope, _, at: keys.delete_api_key(s, scope, api_key_id=at.api_key_id)
        ),
        "services.api_keys.revoke_api_key": Case(
            lambda s, scope, _, at: keys.revoke_api_key(s, scope, api_key_id=at.api_key_id)
        ),
        "services.api_keys.rotate_api_key": Case(
            lambda s, scope, _, at: keys.rotate_api_key(s, scope, api_key_id=at.api_key_id, pepper=PEPPER)
        ),
        "services.api_keys.update_api_key": Case(
            lambda s, scope, _, at: keys.update_api_key(s, scope, api_key_id=at.api_key_id, name="taken over")
        ),
        "services.api_keys.update_api_key to a queue of theirs": Case(
            lambda s, scope, own, at: keys.update_api_key(s, scope, api_key_id=own.api_key_id, queue_ids=[at.queue_id])
        ),
        "services.items.delete_item": Case(lambda s, scope, _, at: items.delete_item(s, scope, item_id=at.waiting_id)),
        "services.items.delete_item of ones own": Case(
            lambda s, scope, own, _: items.delete_item(s, scope, item_id=own.completed_id)
        ),
        "services.items.delete_item completed": Case(
            lambda s, scope, _, at: items.delete_item(s, scope, item_id=at.completed_id)
        ),
        "services.items.delete_item that was seen": Case(
            lambda s, scope, _, at: items.delete_item(s, scope, item_id=at.waiting_id, expected="a version"), own=False
        ),
        "services.items.delete_items": Case(
            lambda s, scope, _, at: items.delete_items(s, scope, item_ids=[at.waiting_id, at.completed_id])
        ),
        "services.items.cancel_item": Case(lambda s, scope, _, at: items.cancel_item(s, scope, item_id=at.held_id)),
        "services.items.cancel_items": Case(
            lambda s, scope, _, at: items.cancel_items(s, scope, item_ids=[at.waiting_id, at.held_id])
        ),
        "services.items.cancel_matching": Case(
            lambda s, scope, _, at: items.cancel_matching(s, scope, queue_id=at.queue_id)
        ),
        "services.items.cancel_matching of ones own": Case(lambda s, scope, _own, _: items.cancel_matching(s, scope)),
        "services.items.cancel_matching in some queues": Case(
            lambda s, scope, _, at: items.cancel_matching(s, scope, queue_ids=[at.queue_id])
        ),
        "services.items.retry_item": Case(lambda s, scope, _, at: items.retry_item(s, scope, item_id=at.completed_id)),
        "services.items.retry_items": Case(
            lambda s, scope, _, at: items.retry_items(s, scope, item_ids=[at.completed_id])
        ),
        "services.items.retry_matching": Case(
            lambda s, scope, _, at: items.retry_matching(s, scope, queue_id=at.queue_id, status=ItemStatus.COMPLETED)
        ),
        "services.items.retry_matching of ones own": Case(
            lambda s, scope, _own, _: items.retry_matching(s, scope, status=ItemStatus.COMPLETED)
        ),
        "services.items.enqueue_plainly": Case(
            lambda s, scope, _, at: items.enqueue_plainly(
                s, scope, queue_id=at.queue_id, ids=[new_id()], items=[ItemInput({})]
            )
        ),
        "services.items.enqueue_items with a key": Case(
            lambda s, scope, _, at: items.enqueue_items(
                s, scope, queue_id=at.queue_id, items=[ItemInput({}, unique_key="theirs", on_conflict="return")]
            )
        ),
        "services.unique_items.enqueue_within_limits": Case(
            lambda s, scope, _, at: unique_items.enqueue_within_limits(
                s,
                scope,
                queue_id=at.queue_id,
                items=[NewItem(new_id(), {}, unique_key="theirs", unique_while="active")],
                policies=["replace"],
            )
        ),
        "services.unique_items.replaced": Case(
            lambda s, scope, _, at: unique_items.replaced(
                s, scope, queue_id=at.queue_id, holders={at.waiting_id: NewItem(new_id(), {}, unique_key="theirs")}
            )
        ),
        "services.each_item.enqueue_each": Case(
            lambda s, scope, _, at: each_item.enqueue_each(
                s,
                scope,
                queue_id=at.queue_id,
                items=[NewItem(new_id(), {}, unique_key="theirs", unique_while="active")],
                policies=["replace"],
            )
        ),
        "services.items.update_item": Case(
            lambda s, scope, _, at: items.update_item(s, scope, item_id=at.waiting_id, priority=9)
        ),
        "services.key_rules.checked": Case(
            lambda s, scope, _, at: key_rules.checked(s, scope, given={"queue_ids": [at.queue_id]})
        ),
        "services.members.refuse_mightier": Case(
            lambda s, scope, _, at: members.refuse_mightier(s, scope, user_id=at.owner_id, actor=WEAK), own=False
        ),
    }
)

SYSTEM_CASES: Final[dict[str, Case]] = (
    SYSTEM_QUERIES
    | SYSTEM_SCHEDULE_CASES
    | SYSTEM_ACCESS_CASES
    | SYSTEM_ACCOUNT_CASES
    | {
        "services.accounts.reconcile_slots": Case(lambda s, scope, _, __: accounts.reconcile_slots(s, scope)),
        "services.api_keys.authenticate": Case(
            lambda s, scope, _, at: keys.authenticate(s, scope, raw=at.raw_key, pepper=PEPPER)
        ),
        "services.api_keys.find_principals": Case(
            lambda s, scope, _, at: keys.find_principals(s, scope, key_hashes=[key_hash(at.raw_key, pepper=PEPPER)])
        ),
        "services.organizations.create_organization": Case(
            lambda s, scope, _, at: organizations.create_organization(s, scope, name="x", slug=f"x{at.slug}")
        ),
        "services.organizations.found_organization": Case(
            lambda s, scope, _, at: organizations.found_organization(
                s, scope, name="x", slug=f"x{at.slug}", owner_email="new@example.org", owner_name="x"
            )
        ),
        "services.organizations.delete_organization": Case(
            lambda s, scope, _, at: organizations.delete_organization(s, scope, organization_id=at.organization_id)
        ),
        "services.organizations.restore_organization": Case(
            lambda s, scope, _, at: organizations.restore_organization(s, scope, organization_id=at.organization_id)
        ),
        "services.key_use.record_key_use": Case(
            lambda s, scope, _, at: key_use.record_key_use(s, scope, api_key_ids=[at.api_key_id])
        ),
    }
)

# Functions that are not aimed at anybody, and why.
WITHOUT_CASE: Final[dict[str, str]] = {
    "services.audit.record_change": "is handed the row it writes about; `record`, which it ends in, has a case",
    "services.delivery.hand_over": "talks to a mail server, and to no database",
    "services.examples.ensure_example": "opens its own transactions, for the organization it makes itself",
    "services.item_batches.enqueue_batch": "opens its own transactions for two functions that have cases",
    "services.trials.make_trial": "opens its own transactions, for the organization it makes itself",
    "services.trials.erase_trial": "erases the trial it is handed by whoever made it",
    "queries.page.read_page": "is told the conditions by each list, which has a case",
    "queries.page.read_slice": "is told the conditions by each list, which has a case",
    "queries.include.read_with": "is told the table by each read of `queries/relations.py`, which has a case",
    "queries.include.read_one_with": "is told the table by each read of `queries/relations.py`, which has a case",
}
