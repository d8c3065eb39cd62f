"""How each public query is aimed at another organization, and at a ghost."""

from __future__ import annotations

from typing import Final

from tests.tenancy.case import Case
from tests.tenancy.world import PEPPER

from fairlead.domain.api_keys import key_hash
from fairlead.domain.item_status import ItemStatus
from fairlead.queries import api_keys as key_queries
from fairlead.queries import audit_events as audit_queries
from fairlead.queries import cancelled, current_leases, depths, due_work, item_summary, queue_states, relations
from fairlead.queries import items as item_queries
from fairlead.queries import organizations as organization_queries
from fairlead.queries import queues as queue_queries
from fairlead.queries import ready_sources as ready
from fairlead.queries import roles as role_queries
from fairlead.queries import users as user_queries
from fairlead.queries.page import After, Window

ALL: Final = Window(1, 100)
WITH_USER: Final = relations.UserInclude(organization=True, api_keys=True, roles=True)
WITH_ORGANIZATION: Final = relations.OrganizationInclude(users=True, queues=True, roles=True, api_keys=True)
WITH_QUEUE: Final = relations.QueueInclude(organization=True, creator=True, items=True)
WITH_API_KEY: Final = relations.ApiKeyInclude(user=True, organization=True)
WITH_ROLE: Final = relations.RoleInclude(users=True)

TENANT_QUERIES: Final[dict[str, Case]] = {
    "queries.current_leases.find_current": Case(
        lambda s, scope, _, at: current_leases.find_current(
            s, scope, leases=[(at.organization_id, at.held_id, claims) for claims in range(3)]
        )
    ),
    "queries.cancelled.find_cancelled": Case(
        lambda s, scope, _, at: cancelled.find_cancelled(
            s,
            scope,
            leases=[
                (at.organization_id, id_, claims) for id_ in (at.cancelled_id, at.stopping_id) for claims in range(3)
            ],
        )
    ),
    "queries.depths.get_depth": Case(lambda s, scope, _, at: depths.get_depth(s, scope, queue_id=at.queue_id)),
    "queries.depths.get_depths": Case(lambda s, scope, _, __: depths.get_depths(s, scope)),
    "queries.queue_states.get_queue_states": Case(lambda s, scope, _, __: queue_states.get_queue_states(s, scope)),
    "queries.queue_states.get_queue_states since": Case(
        lambda s, scope, _, __: queue_states.get_queue_states(s, scope, since=1)
    ),
    "queries.item_summary.summarize": Case(
        lambda s, scope, _, at: item_summary.summarize(s, scope, queue_id=at.queue_id)
    ),
    "queries.item_summary.count_unfinished": Case(
        lambda s, scope, _, at: item_summary.count_unfinished(s, scope, queue_id=at.queue_id)
    ),
    "queries.item_summary.results": Case(lambda s, scope, _, at: item_summary.results(s, scope, queue_id=at.queue_id)),
    "queries.items.get_item": Case(lambda s, scope, _, at: item_queries.get_item(s, scope, item_id=at.waiting_id)),
    "queries.items.get_item completed": Case(
        lambda s, scope, _, at: item_queries.get_item(s, scope, item_id=at.completed_id)
    ),
    "queries.items.find_items": Case(
        lambda s, scope, _, at: item_queries.find_items(s, scope, item_ids=[at.waiting_id, at.completed_id])
    ),
    "queries.items.get_outcome_rules": Case(
        lambda s, scope, _, at: item_queries.get_outcome_rules(s, scope, item_id=at.held_id)
    ),
    "queries.items.find_item_ids": Case(
        lambda s, scope, _, at: item_queries.find_item_ids(
            s, scope, queue_id=at.queue_id, live=True, most=9, filters={}
        )
    ),
    "queries.items.find_item_ids of all": Case(
        lambda s, scope, _own, _at: item_queries.find_item_ids(s, scope, live=False, most=9, filters={})
    ),
    "queries.items.get_item_page": Case(
        lambda s, scope, _, at: item_queries.get_item_page(s, scope, queue_id=at.queue_id, window=ALL)
    ),
    "queries.items.get_item_page by status": Case(
        lambda s, scope, _, at: item_queries.get_item_page(
            s, scope, queue_id=at.queue_id, window=ALL, status=ItemStatus.COMPLETED
        )
    ),
    "queries.organizations.get_organization": Case(
        lambda s, scope, _, at: organization_queries.get_organization(s, scope, organization_id=at.organization_id)
    ),
    "queries.organizations.get_organization_page": Case(
        lambda s, scope, _, at: organization_queries.get_organization_page(s, scope, window=ALL, search=at.slug)
    ),
    "queries.queues.get_queue": Case(lambda s, scope, _, at: queue_queries.get_queue(s, scope, queue_id=at.queue_id)),
    "queries.queues.get_queue deleted": Case(
        lambda s, scope, _, at: queue_queries.get_queue(s, scope, queue_id=at.deleted_queue_id, deleted=True)
    ),
    "queries.queues.get_queue_by_name": Case(
        lambda s, scope, _, at: queue_queries.get_queue_by_name(s, scope, name=at.queue_name)
    ),
    "queries.queues.get_claim_rules": Case(
        lambda s, scope, _, at: queue_queries.get_claim_rules(s, scope, queue_id=at.queue_id)
    ),
    "queries.queues.get_queue_page": Case(
        lambda s, scope, _, __: queue_queries.get_queue_page(s, scope, window=ALL, deleted=True)
    ),
    "queries.queues.get_queue_page of some": Case(
        lambda s, scope, _, at: queue_queries.get_queue_page(s, scope, window=ALL, queue_ids=[at.queue_id])
    ),
    "queries.queues.find_queue_ids": Case(
        lambda s, scope, _, at: queue_queries.find_queue_ids(s, scope, queue_ids=[at.queue_id])
    ),
    "queries.roles.get_role": Case(lambda s, scope, _, at: role_queries.get_role(s, scope, role_id=at.role_id)),
    "queries.roles.get_role_page": Case(lambda s, scope, _, __: role_queries.get_role_page(s, scope, window=ALL)),
    "queries.relations.get_user_with of ones own": Case(
        lambda s, scope, own, _: relations.get_user_with(s, scope, user_id=own.member_id, include=WITH_USER)
    ),
    "queries.relations.get_queue_with of ones own": Case(
        lambda s, scope, own, _: relations.get_queue_with(
            s, scope, queue_id=own.deleted_queue_id, include=WITH_QUEUE, deleted=True
        )
    ),
    "queries.relations.get_api_key_with of ones own": Case(
        lambda s, scope, own, _: relations.get_api_key_with(
            s, scope, api_key_id=own.rotated_key_id, include=WITH_API_KEY
        )
    ),
    "queries.roles.roles_of ones own": Case(
        lambda s, scope, own, _: role_queries.roles_of(s, scope, user_id=own.member_id)
    ),
    "queries.users.permissions_of ones own": Case(
        lambda s, scope, own, _: user_queries.permissions_of(s, scope, user_id=own.member_id)
    ),
    "queries.users.get_user_page by a role of ones own": Case(
        lambda s, scope, _, __: user_queries.get_user_page(s, scope, window=ALL, role_id="admin")
    ),
    "queries.roles.roles_of": Case(lambda s, scope, _, at: role_queries.roles_of(s, scope, user_id=at.member_id)),
    "queries.roles.is_offered": Case(lambda s, scope, _, at: role_queries.is_offered(s, scope, role_id=at.role_id)),
    "queries.roles.is_offered to somebody": Case(
        lambda s, scope, _, at: role_queries.is_offered(s, scope, role_id=at.invited_role_id)
    ),
    "queries.roles.is_offered system role": Case(
        lambda s, scope, _, __: role_queries.is_offered(s, scope, role_id="viewer")
    ),
    "queries.roles.has_owner": Case(lambda s, scope, _, __: role_queries.has_owner(s, scope)),
    "queries.users.get_user": Case(lambda s, scope, _, at: user_queries.get_user(s, scope, user_id=at.member_id)),
    "queries.users.get_user deleted": Case(
        lambda s, scope, _, at: user_queries.get_user(s, scope, user_id=at.deleted_user_id, deleted=True)
    ),
    "queries.users.find_user_by_email": Case(
        lambda s, scope, _, at: user_queries.find_user_by_email(s, scope, email=at.member_email)
    ),
    "queries.users.get_user_by_email": Case(
        lambda s, scope, _, at: user_queries.get_user_by_email(s, scope, email=at.member_email)
    ),
    "queries.users.find_user_ids": Case(
        lambda s, scope, _, at: user_queries.find_user_ids(s, scope, user_ids=[at.member_id])
    ),
    "queries.users.get_user_page": Case(
        lambda s, scope, _, __: user_queries.get_user_page(s, scope, window=ALL, deleted=True)
    ),
    "queries.users.get_user_page search": Case(
        lambda s, scope, _, at: user_queries.get_user_page(s, scope, window=ALL, search=at.member_email)
    ),
    "queries.users.get_user_page by role": Case(
        lambda s, scope, _, at: user_queries.get_user_page(s, scope, window=ALL, role_id=at.role_id)
    ),
    "queries.users.get_user_slice": Case(
        lambda s, scope, _, __: user_queries.get_user_slice(s, scope, after=After(limit=100), deleted=True)
    ),
    "queries.users.get_user_with_organization": Case(
        lambda s, scope, _, at: user_queries.get_user_with_organization(s, scope, user_id=at.member_id)
    ),
    "queries.users.permissions_of": Case(
        lambda s, scope, _, at: user_queries.permissions_of(s, scope, user_id=at.owner_id)
    ),
    "queries.users.is_member": Case(lambda s, scope, _, at: user_queries.is_member(s, scope, user_id=at.owner_id)),
    "queries.relations.get_user_with": Case(
        lambda s, scope, _, at: relations.get_user_with(s, scope, user_id=at.member_id, include=WITH_USER)
    ),
    "queries.relations.get_users_with": Case(
        lambda s, scope, own, at: relations.get_users_with(
            s, scope, user_ids=[at.member_id, own.member_id], include=WITH_USER
        )
    ),
    "queries.relations.get_organization_with": Case(
        lambda s, scope, _, at: relations.get_organization_with(
            s, scope, organization_id=at.organization_id, include=WITH_ORGANIZATION
        )
    ),
    "queries.relations.get_organizations_with": Case(
        lambda s, scope, own, at: relations.get_organizations_with(
            s, scope, organization_ids=[at.organization_id, own.organization_id], include=WITH_ORGANIZATION
        )
    ),
    "queries.relations.get_queue_with": Case(
        lambda s, scope, _, at: relations.get_queue_with(s, scope, queue_id=at.queue_id, include=WITH_QUEUE)
    ),
    "queries.relations.get_queues_with": Case(
        lambda s, scope, own, at: relations.get_queues_with(
            s, scope, queue_ids=[at.queue_id, own.queue_id], include=WITH_QUEUE
        )
    ),
    "queries.relations.get_api_key_with": Case(
        lambda s, scope, _, at: relations.get_api_key_with(s, scope, api_key_id=at.api_key_id, include=WITH_API_KEY)
    ),
    "queries.relations.get_api_keys_with": Case(
        lambda s, scope, own, at: relations.get_api_keys_with(
            s, scope, api_key_ids=[at.api_key_id, own.api_key_id], include=WITH_API_KEY
        )
    ),
    "queries.relations.get_role_with": Case(
        lambda s, scope, _, at: relations.get_role_with(s, scope, role_id=at.role_id, include=WITH_ROLE)
    ),
    "queries.relations.get_roles_with": Case(
        lambda s, scope, own, at: relations.get_roles_with(
            s, scope, role_ids=[at.role_id, own.role_id], include=WITH_ROLE
        )
    ),
    "queries.api_keys.get_api_key": Case(
        lambda s, scope, _, at: key_queries.get_api_key(s, scope, api_key_id=at.api_key_id)
    ),
    "queries.api_keys.get_api_key_page": Case(
        lambda s, scope, _, at: key_queries.get_api_key_page(s, scope, window=ALL, user_id=at.owner_id)
    ),
    "queries.api_keys.get_api_key_page of all": Case(
        lambda s, scope, _, __: key_queries.get_api_key_page(s, scope, window=ALL)
    ),
    "queries.api_keys.get_api_key_slice": Case(
        lambda s, scope, _, __: key_queries.get_api_key_slice(s, scope, after=After(limit=100))
    ),
    "queries.api_keys.keys_of": Case(lambda s, scope, _, at: key_queries.keys_of(s, scope, user_id=at.owner_id)),
    "queries.api_keys.is_rotated": Case(
        lambda s, scope, _, at: key_queries.is_rotated(s, scope, api_key_id=at.rotated_key_id)
    ),
    "queries.audit_events.get_audit_event": Case(
        lambda s, scope, _, at: audit_queries.get_audit_event(s, scope, event_id=at.event_id)
    ),
    "queries.audit_events.get_audit_page": Case(
        lambda s, scope, _, __: audit_queries.get_audit_page(s, scope, window=ALL)
    ),
    "queries.audit_events.get_audit_page of theirs": Case(
        lambda s, scope, _, at: audit_queries.get_audit_page(s, scope, window=ALL, subject_id=at.queue_id)
    ),
    "queries.audit_events.get_audit_slice": Case(
        lambda s, scope, _, __: audit_queries.get_audit_slice(s, scope, after=After(limit=100))
    ),
    "queries.items.get_item_page of all": Case(
        lambda s, scope, _, __: item_queries.get_item_page(s, scope, window=ALL)
    ),
    "queries.items.get_item_slice": Case(
        lambda s, scope, _, at: item_queries.get_item_slice(s, scope, after=After(limit=100), queue_id=at.queue_id)
    ),
    "queries.items.get_item_slice of all": Case(
        lambda s, scope, _, __: item_queries.get_item_slice(s, scope, after=After(limit=100), deleted=True)
    ),
}

# These take a SystemScope: the application has no organization to check, row security is the only wall.
SYSTEM_QUERIES: Final[dict[str, Case]] = {
    "queries.depths.find_queue_keys": Case(lambda s, scope, _, at: depths.find_queue_keys(s, scope, slugs=[at.slug])),
    "queries.due_work.find_due_work": Case(lambda s, scope, _, __: due_work.find_due_work(s, scope)),
    "queries.api_keys.find_key_holders": Case(
        lambda s, scope, _, at: key_queries.find_key_holders(s, scope, key_hashes=[key_hash(at.raw_key, pepper=PEPPER)])
    ),
    "queries.organizations.get_organization_by_slug": Case(
        lambda s, scope, _, at: organization_queries.get_organization_by_slug(s, scope, slug=at.slug)
    ),
    "queries.ready_sources.find_sources": Case(
        lambda s, scope, _, at: ready.find_sources(s, scope, names=[at.queue_name], queue_ids=[at.queue_id])
    ),
    "queries.ready_sources.ready_sources": Case(
        lambda s, scope, _, at: ready.ready_sources(
            s, scope, names=[at.queue_name], after="", pivot="", organizations=9, queues=9
        )
    ),
    "queries.roles.organizations_owned": Case(
        lambda s, scope, _, at: role_queries.organizations_owned(s, scope, user_id=at.owner_id)
    ),
}
