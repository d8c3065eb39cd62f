"""What mypy must know of every row: each field of each table, precisely, and that nothing else is there.

Nobody runs this; mypy reads it (`make check`). An expected error stands on a line with `type: ignore` and its reason:
when mypy stops finding it, the ignore is unused, and that fails.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, assert_type

from fairlead.domain.item_status import ItemStatus
from fairlead.rows import (
    ApiKey,
    AuditEvent,
    Credential,
    Invitation,
    ItemCounter,
    Organization,
    Queue,
    QueueItem,
    Role,
    Schedule,
    Session,
    User,
    UserRole,
    Verification,
    Worker,
)


def api_keys(row: ApiKey) -> None:
    assert_type(row.id, str)
    assert_type(row.name, str)
    assert_type(row.key_prefix, str)
    assert_type(row.user_id, str)
    assert_type(row.organization_id, str)
    assert_type(row.scopes, list[str])
    assert_type(row.queue_ids, list[str] | None)
    assert_type(row.last_used_at, datetime | None)
    assert_type(row.expires_at, datetime | None)
    assert_type(row.revoked_at, datetime | None)
    assert_type(row.created_at, datetime)
    assert_type(row.rotated_from, str | None)


def audit_events(row: AuditEvent) -> None:
    assert_type(row.id, str)
    assert_type(row.organization_id, str | None)
    assert_type(row.actor_kind, str)
    assert_type(row.actor_id, str | None)
    assert_type(row.action, str)
    assert_type(row.subject_kind, str)
    assert_type(row.subject_id, str)
    assert_type(row.before, dict[str, Any] | None)
    assert_type(row.after, dict[str, Any] | None)
    assert_type(row.request_id, str | None)
    assert_type(row.created_at, datetime)


def credentials(row: Credential) -> None:
    assert_type(row.id, str)
    assert_type(row.user_id, str)
    assert_type(row.provider, str)
    assert_type(row.account_id, str)
    assert_type(row.last_used_at, datetime | None)
    assert_type(row.created_at, datetime)
    assert_type(row.updated_at, datetime)


def invitations(row: Invitation) -> None:
    assert_type(row.id, str)
    assert_type(row.organization_id, str)
    assert_type(row.email, str)
    assert_type(row.role_id, str)
    assert_type(row.invited_by, str | None)
    assert_type(row.expires_at, datetime)
    assert_type(row.accepted_at, datetime | None)
    assert_type(row.revoked_at, datetime | None)
    assert_type(row.created_at, datetime)


def item_counters(row: ItemCounter) -> None:
    assert_type(row.id, int)
    assert_type(row.organization_id, str)
    assert_type(row.queue_id, str)
    assert_type(row.waiting, int)
    assert_type(row.failed, int)


def organizations(row: Organization) -> None:
    assert_type(row.id, str)
    assert_type(row.name, str)
    assert_type(row.slug, str)
    assert_type(row.weight, int)
    assert_type(row.max_queue_depth, int | None)
    assert_type(row.max_concurrency, int | None)
    assert_type(row.created_at, datetime)
    assert_type(row.updated_at, datetime)
    assert_type(row.deleted_at, datetime | None)


def queue_items(row: QueueItem) -> None:
    assert_type(row.id, str)
    assert_type(row.organization_id, str)
    assert_type(row.queue_id, str)
    assert_type(row.payload, dict[str, Any])
    assert_type(row.status, ItemStatus)
    assert_type(row.priority, int)
    assert_type(row.attempts, int)
    assert_type(row.max_attempts, int)
    assert_type(row.error_message, str | None)
    assert_type(row.scheduled_for, datetime | None)
    assert_type(row.started_at, datetime | None)
    assert_type(row.completed_at, datetime | None)
    assert_type(row.created_at, datetime)
    assert_type(row.task, str | None)
    assert_type(row.unique_key, str | None)
    assert_type(row.ordering_key, str | None)
    assert_type(row.result, Any | None)
    assert_type(row.errors, list[dict[str, Any]])
    assert_type(row.progress, dict[str, Any] | None)
    assert_type(row.lease_expires_at, datetime | None)
    assert_type(row.worker_id, str | None)
    assert_type(row.claims, int)
    assert_type(row.seq, int)
    assert_type(row.ready, bool)
    assert_type(row.trace, str | None)
    assert_type(row.tags, list[str])
    assert_type(row.finished_at, datetime)


def queues(row: Queue) -> None:
    assert_type(row.id, str)
    assert_type(row.organization_id, str)
    assert_type(row.name, str)
    assert_type(row.description, str | None)
    assert_type(row.max_concurrency, int | None)
    assert_type(row.max_attempts, int)
    assert_type(row.lease_seconds, int)
    assert_type(row.backoff_policy, str)
    assert_type(row.backoff_base_seconds, float)
    assert_type(row.backoff_factor, float)
    assert_type(row.backoff_cap_seconds, float)
    assert_type(row.backoff_jitter, bool)
    assert_type(row.rate_limit, int | None)
    assert_type(row.rate_period_seconds, int)
    assert_type(row.max_depth, int | None)
    assert_type(row.retention_seconds, int | None)
    assert_type(row.paused_at, datetime | None)
    assert_type(row.resume_at, datetime | None)
    assert_type(row.created_by, str | None)
    assert_type(row.created_at, datetime)
    assert_type(row.updated_at, datetime)
    assert_type(row.deleted_at, datetime | None)


def roles(row: Role) -> None:
    assert_type(row.id, str)
    assert_type(row.organization_id, str | None)
    assert_type(row.name, str)
    assert_type(row.description, str | None)
    assert_type(row.permissions, list[str])
    assert_type(row.created_at, datetime)
    assert_type(row.updated_at, datetime)


def schedules(row: Schedule) -> None:
    assert_type(row.id, str)
    assert_type(row.organization_id, str)
    assert_type(row.queue_id, str)
    assert_type(row.name, str)
    assert_type(row.cron, str)
    assert_type(row.time_zone, str)
    assert_type(row.task, str | None)
    assert_type(row.payload, dict[str, Any])
    assert_type(row.priority, int)
    assert_type(row.missed_runs, str)
    assert_type(row.catch_up_limit, int)
    assert_type(row.next_run_at, datetime | None)
    assert_type(row.last_run_at, datetime | None)
    assert_type(row.paused_at, datetime | None)
    assert_type(row.created_at, datetime)
    assert_type(row.updated_at, datetime)


def sessions(row: Session) -> None:
    assert_type(row.id, str)
    assert_type(row.user_id, str)
    assert_type(row.user_agent, str | None)
    assert_type(row.address, str | None)
    assert_type(row.last_seen_at, datetime)
    assert_type(row.idle_expires_at, datetime)
    assert_type(row.expires_at, datetime)
    assert_type(row.revoked_at, datetime | None)
    assert_type(row.created_at, datetime)


def user_roles(row: UserRole) -> None:
    assert_type(row.organization_id, str)
    assert_type(row.user_id, str)
    assert_type(row.role_id, str)
    assert_type(row.created_at, datetime)


def users(row: User) -> None:
    assert_type(row.id, str)
    assert_type(row.email, str)
    assert_type(row.name, str)
    assert_type(row.image, str | None)
    assert_type(row.organization_id, str | None)
    assert_type(row.email_verified, bool)
    assert_type(row.created_at, datetime)
    assert_type(row.updated_at, datetime)
    assert_type(row.deleted_at, datetime | None)


def verifications(row: Verification) -> None:
    assert_type(row.id, str)
    assert_type(row.user_id, str | None)
    assert_type(row.purpose, str)
    assert_type(row.email, str)
    assert_type(row.expires_at, datetime)
    assert_type(row.used_at, datetime | None)
    assert_type(row.created_at, datetime)


def workers(row: Worker) -> None:
    assert_type(row.id, str)
    assert_type(row.host, str)
    assert_type(row.process_id, int)
    assert_type(row.version, str)
    assert_type(row.queues, list[str])
    assert_type(row.concurrency, int)
    assert_type(row.info, dict[str, Any])
    assert_type(row.started_at, datetime)
    assert_type(row.seen_at, datetime)
    assert_type(row.stopped_at, datetime | None)


def a_row_does_not_change(user: User, item: QueueItem) -> None:
    user.name = "Ada"  # type: ignore[misc]  # frozen: a change is an update statement
    item.status = ItemStatus.FAILED  # type: ignore[misc]  # frozen: only the engine's verbs move an item


def a_row_is_whole(at: datetime) -> None:
    UserRole(organization_id="o", user_id="u", role_id="r", created_at=at)
    UserRole(organization_id="o", user_id="u", role_id="r")  # type: ignore[call-arg]  # created_at is missing
    UserRole(organization_id="o", user_id="u", role_id=None, created_at=at)  # type: ignore[arg-type]  # never null


def null_must_be_thought_of(user: User, queue: Queue, item: QueueItem) -> None:
    user.image.lower()  # type: ignore[union-attr]  # a user may have no image
    queue.max_depth + 1  # type: ignore[operator]  # null means no limit
    item.result["done"]  # type: ignore[index]  # there is no result before the item is completed


def hidden_columns_are_not_there(
    key: ApiKey, sign_in: Session, token: Verification, offer: Invitation, secret: Credential
) -> None:
    key.key_hash  # type: ignore[attr-defined]  # a hash stays in the database
    sign_in.token_hash  # type: ignore[attr-defined]  # a hash stays in the database
    token.token_hash  # type: ignore[attr-defined]  # a hash stays in the database
    offer.token_hash  # type: ignore[attr-defined]  # a hash stays in the database
    offer.role_scope  # type: ignore[attr-defined]  # only the composite key needs it
    secret.secret_hash  # type: ignore[attr-defined]  # a hash stays in the database


def mechanics_are_not_there(role: Role, membership: UserRole) -> None:
    role.owner_scope  # type: ignore[attr-defined]  # only the composite key needs it
    membership.role_scope  # type: ignore[attr-defined]  # only the composite key needs it
