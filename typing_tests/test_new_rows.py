"""What mypy must know of every new row: which keys are needed, which may be left out, and that there are no others.

Nobody runs this; mypy reads it (`make check`). Each table's first line gives the needed keys and no more. An expected
error stands on a line with `type: ignore` and its reason: when mypy stops finding it, the ignore is unused, and that
fails.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, assert_type

from fairlead.domain.item_status import ItemStatus
from fairlead.rows import (
    NewApiKey,
    NewAuditEvent,
    NewCredential,
    NewInvitation,
    NewItemCounter,
    NewOrganization,
    NewQueue,
    NewQueueItem,
    NewRole,
    NewSchedule,
    NewSession,
    NewUser,
    NewUserRole,
    NewVerification,
    NewWorker,
)


def organizations() -> None:
    new: NewOrganization = {"name": "Acme", "slug": "acme"}
    new = {"name": "Acme", "slug": "acme", "id": "o", "weight": 2, "max_queue_depth": None}
    assert_type(new["slug"], str)
    assert_type(new["max_queue_depth"], int | None)
    new = {"name": "Acme"}  # type: ignore[typeddict-item]  # slug is needed
    new = {"name": "Acme", "slug": "acme", "weight": "2"}  # type: ignore[typeddict-item]  # weight is a number
    new = {"name": "Acme", "slug": "acme", "weight": None}  # type: ignore[typeddict-item]  # weight is never null
    new = {"name": "Acme", "slug": "acme", "size": 2}  # type: ignore[typeddict-unknown-key]  # no such column


def users() -> None:
    new: NewUser = {"email": "ada@example.com", "name": "Ada"}
    new = {"email": "ada@example.com", "name": "Ada", "id": "u", "image": None, "email_verified": True}
    assert_type(new["email_verified"], bool)
    assert_type(new["image"], str | None)
    new = {"name": "Ada"}  # type: ignore[typeddict-item]  # email is needed
    new = {"email": None, "name": "Ada"}  # type: ignore[typeddict-item]  # email is never null
    new = {"email": "ada@example.com", "name": "Ada", "email_verified": "yes"}  # type: ignore[typeddict-item]  # a bool
    new = {"email": "ada@example.com", "name": "Ada", "age": 36}  # type: ignore[typeddict-unknown-key]  # no such column
    new["organization_id"] = "o"  # type: ignore[typeddict-unknown-key]  # the scope says it


def roles() -> None:
    new: NewRole = {"name": "auditor"}
    new = {"name": "auditor", "id": "r", "description": None, "permissions": ["items:read"]}
    assert_type(new["permissions"], list[str])
    new = {"permissions": []}  # type: ignore[typeddict-item]  # name is needed
    new = {"name": "auditor", "permissions": "items:read"}  # type: ignore[typeddict-item]  # permissions are a list
    new = {"name": "auditor", "rank": 1}  # type: ignore[typeddict-unknown-key]  # no such column
    new["owner_scope"] = "*"  # type: ignore[typeddict-unknown-key]  # the database computes it
    new["organization_id"] = "o"  # type: ignore[typeddict-unknown-key]  # the scope says it


def user_roles() -> None:
    new: NewUserRole = {"user_id": "u", "role_id": "r"}
    new = {"user_id": "u", "role_id": "r", "role_scope": "*"}
    assert_type(new["role_scope"], str)
    new = {"user_id": "u"}  # type: ignore[typeddict-item]  # role_id is needed
    new = {"user_id": "u", "role_id": 1}  # type: ignore[typeddict-item]  # ids are text
    new = {"user_id": "u", "role_id": "r", "id": "x"}  # type: ignore[typeddict-unknown-key]  # no id of its own
    new["organization_id"] = "o"  # type: ignore[typeddict-unknown-key]  # the scope says it


def api_keys(at: datetime) -> None:
    new: NewApiKey = {"name": "ci", "key_hash": "h", "key_prefix": "fl_", "user_id": "u"}
    new = {"name": "ci", "key_hash": "h", "key_prefix": "fl_", "user_id": "u", "scopes": [], "expires_at": at}
    assert_type(new["scopes"], list[str])
    assert_type(new["queue_ids"], list[str] | None)
    new = {"name": "ci", "key_prefix": "fl_", "user_id": "u"}  # type: ignore[typeddict-item]  # key_hash is needed
    new["queue_ids"] = "q"  # type: ignore[typeddict-item]  # queue_ids is a list or null
    new["expires_at"] = "tomorrow"  # type: ignore[typeddict-item]  # an instant, not text
    new["scopes"] = None  # type: ignore[typeddict-item]  # scopes are never null
    new["key"] = "fl_secret"  # type: ignore[typeddict-unknown-key]  # the key itself is not kept
    new["organization_id"] = "o"  # type: ignore[typeddict-unknown-key]  # the scope says it


def queues() -> None:
    new: NewQueue = {"name": "mail"}
    new = {"name": "mail", "max_concurrency": None, "backoff_factor": 1.5, "backoff_jitter": False}
    assert_type(new["max_concurrency"], int | None)
    assert_type(new["backoff_factor"], float)
    new = {}  # type: ignore[typeddict-item]  # name is needed
    new = {"name": "mail", "lease_seconds": None}  # type: ignore[typeddict-item]  # lease_seconds is never null
    new = {"name": "mail", "lease_seconds": 1.5}  # type: ignore[typeddict-item]  # whole seconds
    new = {"name": "mail", "max_retries": 3}  # type: ignore[typeddict-unknown-key]  # it is called max_attempts
    new["organization_id"] = "o"  # type: ignore[typeddict-unknown-key]  # the scope says it


def queue_items() -> None:
    new: NewQueueItem = {"queue_id": "q", "payload": {"to": "ada@example.com"}}
    new = {"queue_id": "q", "payload": {}, "status": ItemStatus.WAITING, "tags": ["mail"], "task": None}
    assert_type(new["payload"], dict[str, Any])
    assert_type(new["status"], ItemStatus)
    assert_type(new["errors"], list[dict[str, Any]])
    new = {"queue_id": "q"}  # type: ignore[typeddict-item]  # payload is needed
    new = {"queue_id": "q", "payload": []}  # type: ignore[typeddict-item]  # a payload is an object
    new = {"queue_id": "q", "payload": {}, "status": "waiting"}  # type: ignore[typeddict-item]  # not just any text
    new = {"queue_id": "q", "payload": {}, "delay": 5}  # type: ignore[typeddict-unknown-key]  # no such column
    new["organization_id"] = "o"  # type: ignore[typeddict-unknown-key]  # the scope says it


def audit_events() -> None:
    new: NewAuditEvent = {"actor_kind": "user", "action": "queue.pause", "subject_kind": "queue", "subject_id": "q"}
    assert_type(new["before"], dict[str, Any] | None)


def credentials() -> None:
    new: NewCredential = {"user_id": "u", "provider": "password", "account_id": "ada@example.com"}
    assert_type(new["secret_hash"], str | None)


def invitations(at: datetime) -> None:
    new: NewInvitation = {"email": "ada@example.com", "role_id": "r", "token_hash": "h", "expires_at": at}
    assert_type(new["role_scope"], str)


def item_counters() -> None:
    new: NewItemCounter = {"queue_id": "q", "waiting": -1}
    new["id"] = 1  # type: ignore[typeddict-unknown-key]  # the database counts


def schedules() -> None:
    new: NewSchedule = {"queue_id": "q", "name": "nightly", "cron": "0 3 * * *"}
    assert_type(new["payload"], dict[str, Any])


def sessions(at: datetime) -> None:
    new: NewSession = {"user_id": "u", "token_hash": "h", "idle_expires_at": at, "expires_at": at}
    assert_type(new["last_seen_at"], datetime)


def verifications(at: datetime) -> None:
    new: NewVerification = {
        "user_id": "u",
        "purpose": "verify_email",
        "email": "ada@example.com",
        "token_hash": "h",
        "expires_at": at,
    }
    assert_type(new["used_at"], datetime | None)


def workers() -> None:
    new: NewWorker = {"host": "a", "process_id": 1, "version": "0.1.0", "concurrency": 4}
    assert_type(new["queues"], list[str])
