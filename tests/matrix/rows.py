"""The rows of the matrix, one for each operation: whoever adds an operation says here how it can be aimed.

Every place where an id of somebody's can stand has to be a way: the path by itself, the body (also deep inside), the
query's filters, cursors, headers.
"""

from __future__ import annotations

from typing import Any, Final

from tests.matrix.account_rows import ACCOUNTS, COUNTED
from tests.matrix.row import Row, Way, body, cursor_of

from fairlead.domain.ids import new_id
from fairlead.domain.permissions import Permission

PLACE: Final = "where one stands in the database's history moves on with every transaction, anybody's"
WORK: Final[dict[str, Row]] = {
    "enqueueItem": Row(Permission.ITEMS_ENQUEUE, body(lambda _: {"payload": {}})),
    "enqueueItems": Row(Permission.ITEMS_ENQUEUE, body(lambda _: {"items": [{"payload": {}}]})),
    "listItems": Row(
        Permission.ITEMS_READ, (Way(), Way(query=lambda at: {"cursor": cursor_of(at, f"items of {at.queue_id}")}))
    ),
    "readItem": Row(Permission.ITEMS_READ),
    "claimItems": Row(Permission.ITEMS_CLAIM, body(lambda _: {"limit": 1})),
    "renewItem": Row(Permission.ITEMS_CLAIM, body(lambda at: {"lease": at.lease})),
    "completeItem": Row(Permission.ITEMS_CLAIM, body(lambda at: {"lease": at.lease})),
    "failItem": Row(Permission.ITEMS_CLAIM, body(lambda at: {"lease": at.lease, "error": "no"})),
    "releaseItem": Row(Permission.ITEMS_CLAIM, body(lambda at: {"lease": at.lease})),
    "createQueue": Row(Permission.QUEUES_MANAGE, body(lambda _: {"name": new_id()})),
    "listQueues": Row(Permission.QUEUES_READ),
    "readQueue": Row(Permission.QUEUES_READ),
}

QUEUES: Final[dict[str, Row]] = {
    "updateQueue": Row(Permission.QUEUES_MANAGE, body(lambda _: {"maxAttempts": 9})),
    "deleteQueue": Row(Permission.QUEUES_MANAGE, (Way(), Way(query=lambda _: {"permanently": "true"}))),
    "restoreQueue": Row(Permission.QUEUES_MANAGE, path={"queueId": "deleted_queue_id"}),
    "pauseQueue": Row(Permission.QUEUES_MANAGE, (Way(), Way(lambda _: {"resumeAt": "2500-01-01T00:00:00Z"}))),
    "resumeQueue": Row(Permission.QUEUES_MANAGE),
    "purgeQueue": Row(Permission.QUEUES_MANAGE),
    "readQueueStats": Row(Permission.QUEUES_READ),
    "createSchedule": Row(
        Permission.QUEUES_MANAGE,
        body(lambda at: {"queueId": at.queue_id, "name": at.schedule_name, "cron": "0 0 29 2 *"}),
    ),
    "listSchedules": Row(Permission.QUEUES_READ, (Way(), Way(query=lambda at: {"queueId": at.queue_id}))),
    "previewTicks": Row(Permission.QUEUES_READ, body(lambda _: {"cron": "0 0 29 2 *"})),
    "readSchedule": Row(Permission.QUEUES_READ),
    "updateSchedule": Row(
        Permission.QUEUES_MANAGE, (Way(lambda _: {"priority": 9}), Way(lambda at: {"queueId": at.queue_id}))
    ),
    "deleteSchedule": Row(Permission.QUEUES_MANAGE),
    "pauseSchedule": Row(Permission.QUEUES_MANAGE),
    "resumeSchedule": Row(Permission.QUEUES_MANAGE),
    "runSchedule": Row(Permission.QUEUES_MANAGE),
    "listTicks": Row(Permission.QUEUES_READ),
    "readEvents": Row(
        Permission.QUEUES_READ, (Way(), Way(headers=lambda at: {"last-event-id": f"1-{at.queue_id[:16]}"})), hint=PLACE
    ),
    "listWorkers": Row(Permission.ITEMS_READ),
}


def _of_many(**more: Any) -> tuple[Way, ...]:
    """Return the ways of an outcome of many: an item of theirs by itself, and beside others."""
    return (
        Way(lambda at: {"items": [{"id": at.held_id, "lease": at.lease, **more}]}),
        Way(lambda at: {"items": [{"id": id_, "lease": 1, **more} for id_ in (at.held_id, at.completed_id, new_id())]}),
    )


CHOSEN: Final = (
    Way(lambda at: {"ids": [at.waiting_id, at.held_id, at.completed_id]}),
    Way(lambda at: {"filter": {"queueId": at.queue_id}}),
)
ITEMS: Final[dict[str, Row]] = {
    "updateItem": Row(Permission.ITEMS_MANAGE, body(lambda _: {"priority": 9}), path={"itemId": "waiting_id"}),
    "deleteItem": Row(Permission.ITEMS_MANAGE, path={"itemId": "completed_id"}),
    "snoozeItem": Row(Permission.ITEMS_CLAIM, body(lambda at: {"lease": at.lease, "delaySeconds": 9})),
    "completeItems": Row(Permission.ITEMS_CLAIM, _of_many()),
    "failItems": Row(Permission.ITEMS_CLAIM, _of_many(error="no")),
    "renewItems": Row(Permission.ITEMS_CLAIM, _of_many()),
    "cancelItem": Row(Permission.ITEMS_MANAGE, (Way(), Way(lambda _: {"deadlineSeconds": 9}))),
    "retryItem": Row(Permission.ITEMS_MANAGE, path={"itemId": "completed_id"}),
    "cancelItems": Row(Permission.ITEMS_MANAGE, CHOSEN),
    "retryItems": Row(Permission.ITEMS_MANAGE, CHOSEN),
    "previewCancelItems": Row(Permission.ITEMS_MANAGE, CHOSEN[1:]),
    "previewRetryItems": Row(Permission.ITEMS_MANAGE, CHOSEN[1:]),
}

PEOPLE: Final[dict[str, Row]] = {
    "createOrganization": Row(
        None, body(lambda at: {"name": "x", "slug": at.slug}), hint="a slug is unique, and taken is all that is said"
    ),
    "listOrganizations": Row(None, (Way(), Way(query=lambda at: {"search": at.slug}))),
    "readOrganization": Row(Permission.ORGANIZATION_READ),
    "updateOrganization": Row(
        Permission.ORGANIZATION_MANAGE,
        (Way(lambda _: {"name": "taken over"}), Way(lambda at: {"slug": at.slug})),
        hint="the same",
        spares_own="it would be called otherwise, and a slug that is taken says so",
    ),
    "deleteOrganization": Row(Permission.ORGANIZATION_MANAGE, spares_own="nobody could ask for anything any more"),
    "readLimits": Row(Permission.ORGANIZATION_READ),
    "updateLimits": Row(Permission.ORGANIZATION_MANAGE, body(lambda _: {"maxConcurrency": 1000})),
    "readUsage": Row(Permission.ORGANIZATION_READ),
    "listMembers": Row(Permission.MEMBERS_READ, (Way(), Way(query=lambda at: {"search": at.member_email}))),
    "readMember": Row(Permission.MEMBERS_READ),
    "leaveOrganization": Row(None, spares_own="whoever asks would be no member of their own any more"),
    "setMemberRoles": Row(
        Permission.MEMBERS_MANAGE,
        (Way(lambda _: {"roles": ["viewer"]}), Way(lambda at: {"roles": ["viewer", at.free_role_id]})),
    ),
    "removeMember": Row(Permission.MEMBERS_MANAGE),
    "createInvitation": Row(
        Permission.MEMBERS_MANAGE,
        (
            Way(lambda at: {"email": "someone@example.org", "roleId": at.free_role_id}),
            Way(lambda at: {"email": at.member_email, "roleId": "viewer"}),
        ),
    ),
    "listInvitations": Row(Permission.MEMBERS_READ, (Way(), Way(query=lambda _: {"state": "open"}))),
    "readInvitation": Row(Permission.MEMBERS_READ),
    "revokeInvitation": Row(Permission.MEMBERS_MANAGE),
    "lookAtInvitation": Row(None, body(lambda at: {"token": at.invitation_id}), hint=COUNTED),
    "acceptInvitation": Row(None, body(lambda at: {"token": at.invitation_id}), hint=COUNTED),
    "signUpByInvitation": Row(
        None,
        body(lambda at: {"token": at.invitation_id, "name": "x", "password": "a password for tests"}),
        hint=COUNTED,
    ),
    "listUsers": Row(
        Permission.MEMBERS_READ,
        (
            Way(),
            Way(query=lambda at: {"search": at.member_email}),
            Way(query=lambda at: {"roleId": at.role_id}),
        ),
    ),
    "readUser": Row(Permission.MEMBERS_READ),
    "updateUser": Row(Permission.MEMBERS_MANAGE, body(lambda _: {"name": "taken over"})),
    "createRole": Row(Permission.MEMBERS_MANAGE, body(lambda _: {"name": new_id(), "permissions": []})),
    "listRoles": Row(Permission.MEMBERS_READ),
    "readRole": Row(Permission.MEMBERS_READ),
    "updateRole": Row(Permission.MEMBERS_MANAGE, body(lambda _: {"permissions": []})),
    "deleteRole": Row(Permission.MEMBERS_MANAGE, path={"roleId": "free_role_id"}),
    "createApiKey": Row(
        Permission.KEYS_MANAGE, body(lambda at: {"name": "x", "scopes": [], "queueIds": [at.queue_id]})
    ),
    "listApiKeys": Row(Permission.KEYS_MANAGE, (Way(), Way(query=lambda at: {"userId": at.owner_id}))),
    "readApiKey": Row(Permission.KEYS_MANAGE),
    "updateApiKey": Row(
        Permission.KEYS_MANAGE, (Way(lambda _: {"name": "x"}), Way(lambda at: {"queueIds": [at.queue_id]}))
    ),
    "rotateApiKey": Row(Permission.KEYS_MANAGE, body(lambda _: {})),
    "revokeApiKey": Row(Permission.KEYS_MANAGE),
    "deleteApiKey": Row(Permission.KEYS_MANAGE),
    "listAuditEvents": Row(
        Permission.AUDIT_READ,
        (
            Way(),
            Way(query=lambda at: {"subjectId": at.queue_id}),
            Way(query=lambda at: {"actorId": at.owner_id}),
            Way(query=lambda at: {"cursor": cursor_of(at, "audit")}),
        ),
    ),
    "readAuditEvent": Row(Permission.AUDIT_READ),
}

ROWS: Final[dict[str, Row]] = WORK | QUEUES | ITEMS | ACCOUNTS | PEOPLE
