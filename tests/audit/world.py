"""An organization with something of each kind, for changes to be made to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from tests.fixtures.items import FLEET

from fairlead.db.session import Session
from fairlead.db.tenancy import TenantScope, tenant
from fairlead.rows import Queue, Schedule, User
from fairlead.services import organizations, queues, roles, schedules, users

BEFORE: Final = "ada@example.org"


@dataclass(frozen=True)
class World:
    """An organization with something of each kind, some of it soft-deleted."""

    owner: User
    member: User
    deleted_user: User
    queue: Queue
    deleted_queue: Queue
    schedule: Schedule
    paused_schedule: Schedule
    role_id: str
    deleted_organization_id: str

    @property
    def home(self) -> str:
        """The organization's id."""
        return self.owner.organization_id or ""

    @property
    def scope(self) -> TenantScope:
        """The organization's scope."""
        return tenant(self.home)


async def build(session: Session) -> World:
    """Make the world in one transaction."""
    given: dict[str, Any] = {"owner_name": "O", "owner_email": "owner@example.org", "queue_name": "work"}
    founded = await organizations.found_organization(session, FLEET, name="Acme", slug="acme", **given)
    other = await organizations.create_organization(session, FLEET, name="Gone", slug="gone")
    own = tenant(founded.organization.id)
    member = await users.create_user(session, own, email=BEFORE, name="Ada")
    gone = await users.create_user(session, own, email="gone@example.org", name="Gone")
    queue = await queues.create_queue(session, own, name="gone")
    role = await roles.create_role(session, own, name="auditor", permissions=["audit:read"])
    timed: dict[str, Any] = {"queue_id": founded.queue.id, "cron": "0 0 29 2 *"}
    schedule, paused = [await schedules.create_schedule(session, own, name=name, **timed) for name in ("on", "off")]
    return World(
        owner=founded.owner,
        member=member,
        deleted_user=await users.soft_delete_user(session, own, user_id=gone.id),
        queue=founded.queue,
        deleted_queue=await queues.soft_delete_queue(session, own, queue_id=queue.id),
        schedule=schedule,
        paused_schedule=await schedules.pause_schedule(session, own, schedule_id=paused.id),
        role_id=role.id,
        deleted_organization_id=(
            await organizations.soft_delete_organization(session, FLEET, organization_id=other.id)
        ).id,
    )
