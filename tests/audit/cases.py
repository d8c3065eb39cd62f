"""Every change that people make to what an organization has, with the events that it leaves."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias
from unittest.mock import ANY

from tests.audit.world import BEFORE, World
from tests.fixtures.items import FLEET

from fairlead.db.session import Session
from fairlead.db.tenancy import Scope
from fairlead.domain.permissions import Permission
from fairlead.rows import User
from fairlead.services import members, organizations, queues, roles, schedules, users
from fairlead.services.audit import Actor
from fairlead.services.item_rules import ItemInput

ACTOR: Final = Actor("user", "whoever-did-it", "the-request", frozenset(Permission))


@dataclass(frozen=True)
class Event:
    """An event as it should be; a row in `before` or `after` stands for all that the trail tells of it."""

    action: str
    kind: str
    subject: str
    before: Any = None
    after: Any = None
    home: str | None = field(default="", kw_only=True)  # "" stands for the world's organization


Change: TypeAlias = Callable[[Session, Scope, World], Awaitable[Any]]
Expected: TypeAlias = Callable[[World, Any], list[Event]]


@dataclass(frozen=True)
class Case:
    """A change, made in the world's organization or above, and what it leaves, knowing what it returned."""

    change: Any
    leaves: Expected
    above: bool = False

    def scope(self, world: World) -> Scope:
        """The scope it is made in."""
        return FLEET if self.above else world.scope


def granted(user: User, role: str, name: str | None = None, **where: Any) -> Event:
    """A role is given."""
    return Event("member.role_granted", "member", user.id, after={"role": role, "name": name or role}, **where)


def revoked(user: User, role: str) -> Event:
    """A role is taken."""
    return Event("member.role_revoked", "member", user.id, before={"role": role, "name": role})


def deletion(kind: str, subject: str) -> Event:
    """Something is soft-deleted."""
    return Event(f"{kind}.soft_deleted", kind, subject, {"deleted_at": None}, {"deleted_at": ANY})


def restoration(kind: str, subject: str, **where: Any) -> Event:
    """Something is restored."""
    return Event(f"{kind}.restored", kind, subject, {"deleted_at": ANY}, {"deleted_at": None}, **where)


async def _paused_and_resumed(session: Session, scope: Any, world: World) -> object:
    await queues.pause_queue(session, scope, queue_id=world.queue.id, actor=ACTOR)
    return await queues.resume_queue(session, scope, queue_id=world.queue.id, actor=ACTOR)


CASES: Final[dict[str, Case]] = {
    "organizations.create_organization": Case(
        lambda s, o, _: organizations.create_organization(s, o, name="N", slug="n", actor=ACTOR),
        lambda _, made: [Event("organization.created", "organization", made.id, after=made, home=made.id)],
        above=True,
    ),
    "organizations.found_organization": Case(
        lambda s, o, _: organizations.found_organization(
            s, o, name="N", slug="n", owner_email="n@example.org", owner_name="N", actor=ACTOR
        ),
        lambda _, made: [
            Event("organization.created", "organization", *(made[0].id, None, made[0]), home=made[0].id),
            Event("user.created", "user", made.owner.id, after=made.owner, home=made[0].id),
            granted(made.owner, "owner", home=made[0].id),
            Event("queue.created", "queue", made.queue.id, after=made.queue, home=made[0].id),
        ],
        above=True,
    ),
    "organizations.found_organization_for": Case(
        lambda s, o, w: organizations.found_organization_for(
            s, o, name="N", slug="n", user_id=w.member.id, actor=ACTOR
        ),
        lambda w, made: [
            Event("organization.created", "organization", made.id, after=made, home=made.id),
            granted(w.member, "owner", home=made.id),
            Event("queue.created", "queue", ANY, after=ANY, home=made.id),
        ],
        above=True,
    ),
    "organizations.update_organization": Case(
        lambda s, o, w: organizations.update_organization(
            s, o, organization_id=w.home, name="N", slug="acme", max_queue_depth=5, actor=ACTOR
        ),
        lambda w, _: [
            Event(
                "organization.updated",
                "organization",
                w.home,
                {"name": "Acme", "max_queue_depth": None},
                {"name": "N", "max_queue_depth": 5},
            )
        ],
    ),
    "organizations.delete_organization": Case(
        lambda s, o, w: organizations.delete_organization(s, o, organization_id=w.home, actor=ACTOR),
        lambda w, _: [Event("organization.deleted", "organization", w.home, before=ANY)],
        above=True,
    ),
    "organizations.soft_delete_organization": Case(
        lambda s, o, w: organizations.soft_delete_organization(s, o, organization_id=w.home, actor=ACTOR),
        lambda w, _: [deletion("organization", w.home)],
    ),
    "organizations.restore_organization": Case(
        lambda s, o, w: organizations.restore_organization(
            s, o, organization_id=w.deleted_organization_id, actor=ACTOR
        ),
        lambda w, _: [restoration("organization", w.deleted_organization_id, home=w.deleted_organization_id)],
        above=True,
    ),
    "users.create_user": Case(
        lambda s, o, w: users.create_user(s, o, email="n@example.org", name="N", role=w.role_id, actor=ACTOR),
        lambda w, made: [
            Event("user.created", "user", made.id, after=made),
            granted(made, w.role_id, "auditor"),
        ],
    ),
    "users.create_user above": Case(
        lambda s, o, _: users.create_user(s, o, email="n@example.org", name="N", actor=ACTOR),
        lambda _, made: [Event("user.created", "user", made.id, after=made, home=None)],
        above=True,
    ),
    "users.update_user": Case(
        lambda s, o, w: users.update_user(s, o, user_id=w.member.id, email="N@example.org", name="Ada", actor=ACTOR),
        lambda w, _: [
            Event("user.updated", "user", w.member.id, {"email": BEFORE}, {"email": "n@example.org"}),
        ],
    ),
    "users.delete_user": Case(
        lambda s, o, w: users.delete_user(s, o, user_id=w.member.id, actor=ACTOR),
        lambda w, _: [Event("user.deleted", "user", w.member.id, before=w.member)],
    ),
    "users.delete_user above": Case(
        lambda s, o, w: users.delete_user(s, o, user_id=w.member.id, actor=ACTOR),
        lambda w, _: [Event("user.deleted", "user", w.member.id, before=w.member)],
        above=True,
    ),
    "users.soft_delete_user": Case(
        lambda s, o, w: users.soft_delete_user(s, o, user_id=w.member.id, actor=ACTOR),
        lambda w, _: [deletion("user", w.member.id)],
    ),
    "users.restore_user": Case(
        lambda s, o, w: users.restore_user(s, o, user_id=w.deleted_user.id, actor=ACTOR),
        lambda w, _: [restoration("user", w.deleted_user.id)],
    ),
    "users.upsert_user": Case(
        lambda s, o, _: users.upsert_user(s, o, email="N@example.org", name="N", actor=ACTOR),
        lambda _, made: [Event("user.created", "user", made.id, after=made), granted(made, "member")],
    ),
    "users.upsert_users": Case(
        lambda s, o, _: users.upsert_users(
            s,
            o,
            users=[
                {"email": "ADA@example.org", "name": "Augusta"},
                {"email": "n@example.org", "name": "N"},
                {"email": "owner@example.org", "name": "O"},
            ],
            actor=ACTOR,
        ),
        lambda w, made: [
            Event("user.updated", "user", w.member.id, {"name": "Ada"}, {"name": "Augusta"}),
            Event("user.created", "user", made[1].id, after=made[1]),
            granted(made[1], "member"),
        ],
    ),
    "queues.create_queue": Case(
        lambda s, o, w: queues.create_queue(s, o, name="mail", created_by=w.owner.id, actor=ACTOR),
        lambda _, made: [Event("queue.created", "queue", made.id, after=made)],
    ),
    "queues.create_queue_with_items": Case(
        lambda s, o, _: queues.create_queue_with_items(s, o, name="mail", items=[ItemInput({})], actor=ACTOR),
        lambda _, made: [Event("queue.created", "queue", made.queue.id, after=made.queue)],
    ),
    "queues.update_queue": Case(
        lambda s, o, w: queues.update_queue(s, o, queue_id=w.queue.id, name="work", max_attempts=9, actor=ACTOR),
        lambda w, _: [Event("queue.updated", "queue", w.queue.id, {"max_attempts": 3}, {"max_attempts": 9})],
    ),
    "queues.pause_queue": Case(
        lambda s, o, w: queues.pause_queue(
            s, o, queue_id=w.queue.id, resume_at=datetime(2500, 1, 1, tzinfo=UTC), actor=ACTOR
        ),
        lambda w, _: [
            Event(
                "queue.paused",
                "queue",
                w.queue.id,
                {"paused_at": None, "resume_at": None},
                {"paused_at": ANY, "resume_at": "2500-01-01T00:00:00+00:00"},
            )
        ],
    ),
    "queues.resume_queue": Case(
        _paused_and_resumed,
        lambda w, _: [
            Event("queue.paused", "queue", w.queue.id, {"paused_at": None}, {"paused_at": ANY}),
            Event("queue.resumed", "queue", w.queue.id, {"paused_at": ANY}, {"paused_at": None}),
        ],
    ),
    "queues.delete_queue": Case(
        lambda s, o, w: queues.delete_queue(s, o, queue_id=w.queue.id, actor=ACTOR),
        lambda w, _: [Event("queue.deleted", "queue", w.queue.id, before=w.queue)],
    ),
    "queues.purge_queue": Case(
        lambda s, o, w: queues.purge_queue(s, o, queue_id=w.queue.id, actor=ACTOR),
        lambda w, made: [Event("queue.purged", "queue", w.queue.id, after={"items": made})],
    ),
    "queues.soft_delete_queue": Case(
        lambda s, o, w: queues.soft_delete_queue(s, o, queue_id=w.queue.id, actor=ACTOR),
        lambda w, _: [deletion("queue", w.queue.id)],
    ),
    "queues.restore_queue": Case(
        lambda s, o, w: queues.restore_queue(s, o, queue_id=w.deleted_queue.id, actor=ACTOR),
        lambda w, _: [restoration("queue", w.deleted_queue.id)],
    ),
    "roles.create_role": Case(
        lambda s, o, _: roles.create_role(s, o, name="n", permissions=["items:read"], actor=ACTOR),
        lambda _, made: [Event("role.created", "role", made.id, after=made)],
    ),
    "roles.update_role": Case(
        lambda s, o, w: roles.update_role(
            s, o, role_id=w.role_id, name="auditor", permissions=["items:read"], actor=ACTOR
        ),
        lambda w, _: [
            Event("role.updated", "role", w.role_id, {"permissions": ["audit:read"]}, {"permissions": ["items:read"]})
        ],
    ),
    "roles.delete_role": Case(
        lambda s, o, w: roles.delete_role(s, o, role_id=w.role_id, actor=ACTOR),
        lambda w, _: [Event("role.deleted", "role", w.role_id, before=ANY)],
    ),
    "members.grant_role": Case(
        lambda s, o, w: members.grant_role(s, o, user_id=w.member.id, role_id=w.role_id, actor=ACTOR),
        lambda w, _: [granted(w.member, w.role_id, "auditor")],
    ),
    "members.grant_role_to_all": Case(
        lambda s, o, w: members.grant_role_to_all(s, o, user_ids=[w.member.id], role_id=w.role_id, actor=ACTOR),
        lambda w, _: [granted(w.member, w.role_id, "auditor")],
    ),
    "members.admit_member": Case(
        lambda s, o, w: members.admit_member(
            s, o, organization_id=w.home, user_id=w.member.id, role_id=w.role_id, actor=ACTOR
        ),
        lambda w, _: [granted(w.member, w.role_id, "auditor")],
        above=True,
    ),
    "members.revoke_role": Case(
        lambda s, o, w: members.revoke_role(s, o, user_id=w.member.id, role_id="member", actor=ACTOR),
        lambda w, _: [revoked(w.member, "member")],
    ),
    "members.set_roles": Case(
        lambda s, o, w: members.set_roles(s, o, user_id=w.member.id, role_ids=["owner", "viewer"], actor=ACTOR),
        lambda w, _: [granted(w.member, "owner"), granted(w.member, "viewer"), revoked(w.member, "member")],
    ),
    "members.remove_member": Case(
        lambda s, o, w: members.remove_member(s, o, user_id=w.member.id, actor=ACTOR),
        lambda w, _: [revoked(w.member, "member")],
    ),
    "schedules.create_schedule": Case(
        lambda s, o, w: schedules.create_schedule(s, o, queue_id=w.queue.id, name="n", cron="@daily", actor=ACTOR),
        lambda _, made: [Event("schedule.created", "schedule", made.id, after=made)],
    ),
    "schedules.update_schedule": Case(
        lambda s, o, w: schedules.update_schedule(s, o, schedule_id=w.schedule.id, priority=7, name="on", actor=ACTOR),
        lambda w, _: [Event("schedule.updated", "schedule", w.schedule.id, {"priority": 0}, {"priority": 7})],
    ),
    "schedules.update_schedule to another expression": Case(
        lambda s, o, w: schedules.update_schedule(s, o, schedule_id=w.schedule.id, cron="0 1 29 2 *", actor=ACTOR),
        lambda w, _: [
            Event(
                "schedule.updated",
                "schedule",
                w.schedule.id,
                {"cron": "0 0 29 2 *", "next_run_at": ANY},
                {"cron": "0 1 29 2 *", "next_run_at": ANY},
            )
        ],
    ),
    "schedules.pause_schedule": Case(
        lambda s, o, w: schedules.pause_schedule(s, o, schedule_id=w.schedule.id, actor=ACTOR),
        lambda w, _: [
            Event(
                "schedule.paused",
                "schedule",
                w.schedule.id,
                {"paused_at": None, "next_run_at": ANY},
                {"paused_at": ANY, "next_run_at": None},
            )
        ],
    ),
    "schedules.resume_schedule": Case(
        lambda s, o, w: schedules.resume_schedule(s, o, schedule_id=w.paused_schedule.id, actor=ACTOR),
        lambda w, _: [
            Event(
                "schedule.resumed",
                "schedule",
                w.paused_schedule.id,
                {"paused_at": ANY, "next_run_at": None},
                {"paused_at": None, "next_run_at": ANY},
            )
        ],
    ),
    "schedules.delete_schedule": Case(
        lambda s, o, w: schedules.delete_schedule(s, o, schedule_id=w.schedule.id, actor=ACTOR),
        lambda w, _: [Event("schedule.deleted", "schedule", w.schedule.id, before=w.schedule)],
    ),
    "schedules.run_schedule": Case(
        lambda s, o, w: schedules.run_schedule(s, o, schedule_id=w.schedule.id, actor=ACTOR),
        lambda w, made: [Event("schedule.run", "schedule", w.schedule.id, after={"item_id": made})],
    ),
}

# Calls that find everything as they want it.
NOTHING: Final[dict[str, Case]] = {
    name: Case(change, lambda _w, _m: [], above=name.endswith("above"))
    for name, change in {
        "update_organization": lambda s, o, w: organizations.update_organization(s, o, organization_id=w.home),
        "update_organization to the same": lambda s, o, w: organizations.update_organization(
            s, o, organization_id=w.home, name="Acme", slug="acme", weight=1
        ),
        "restore_organization above": lambda s, o, w: organizations.restore_organization(s, o, organization_id=w.home),
        "update_user": lambda s, o, w: users.update_user(s, o, user_id=w.member.id),
        "update_user to the same": lambda s, o, w: users.update_user(s, o, user_id=w.member.id, email=BEFORE.upper()),
        "restore_user": lambda s, o, w: users.restore_user(s, o, user_id=w.member.id),
        "upsert_user to the same": lambda s, o, w: users.upsert_user(s, o, email=BEFORE, name=w.member.name),
        "update_queue": lambda s, o, w: queues.update_queue(s, o, queue_id=w.queue.id),
        "update_queue to the same": lambda s, o, w: queues.update_queue(s, o, queue_id=w.queue.id, max_attempts=3),
        "resume_queue": lambda s, o, w: queues.resume_queue(s, o, queue_id=w.queue.id),
        "restore_queue": lambda s, o, w: queues.restore_queue(s, o, queue_id=w.queue.id),
        "update_schedule": lambda s, o, w: schedules.update_schedule(s, o, schedule_id=w.schedule.id),
        "update_schedule to the same": lambda s, o, w: schedules.update_schedule(
            s, o, schedule_id=w.schedule.id, cron="0 0 29 2 *", time_zone="UTC"
        ),
        "pause_schedule": lambda s, o, w: schedules.pause_schedule(s, o, schedule_id=w.paused_schedule.id),
        "resume_schedule": lambda s, o, w: schedules.resume_schedule(s, o, schedule_id=w.schedule.id),
        "update_role": lambda s, o, w: roles.update_role(s, o, role_id=w.role_id),
        "update_role to the same": lambda s, o, w: roles.update_role(s, o, role_id=w.role_id, name="auditor"),
        "set_roles": lambda s, o, w: members.set_roles(s, o, user_id=w.member.id, role_ids=["member"]),
    }.items()
}
