"""Trials: a throw-away organization for a demo or a benchmark, removed whole when it is over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fairlead.db.erase import erase_organization
from fairlead.db.session import Database
from fairlead.db.tenancy import SystemScope, TenantScope, tenant
from fairlead.domain.ids import new_id
from fairlead.services.organizations import create_organization
from fairlead.services.queues import create_queue


@dataclass(frozen=True, slots=True)
class Trial:
    """A throw-away organization, and its queues' ids by name."""

    name: str
    scope: TenantScope
    queues: dict[str, str]


async def make_trial(database: Database, scope: SystemScope, *, name: str, queues: dict[str, dict[str, Any]]) -> Trial:
    """Make an organization with queues; each value of `queues` is the keywords of `create_queue`."""
    async with database.unit_of_work(scope) as session:
        organization = await create_organization(session, scope, name=name, slug=f"trial-{new_id()}")
    own = tenant(organization.id)
    async with database.unit_of_work(own) as session:
        made = {
            queue_name: (await create_queue(session, own, name=queue_name, **rules)).id
            for queue_name, rules in queues.items()
        }
    return Trial(name, own, made)


async def erase_trial(database: Database, scope: SystemScope, *, trial: Trial) -> None:
    """Remove a trial with everything in it."""
    async with database.unit_of_work(scope) as session:
        await erase_organization(session, scope, organization_id=trial.scope.organization_id)
