from __future__ import annotations

import pytest
from sqlalchemy import text
from tests.fixtures.items import FLEET
from tests.fixtures.organizations import Tenant

from fairlead.db.session import Database
from fairlead.domain.retry import Backoff
from fairlead.errors import Conflict, ValidationFailed
from fairlead.services.audit import Actor
from fairlead.services.queues import create_queue

pytestmark = pytest.mark.anyio


async def test_creating_is_audited(database: Database, ours: Tenant) -> None:
    """Making a queue leaves one audit event in the same transaction: who, what, with which rules."""
    actor = Actor("api_key", "the-key", "the-request")
    async with database.unit_of_work(ours.scope) as session:
        made = await create_queue(session, ours.scope, name="mail", actor=actor)

    async with database.unit_of_work(FLEET) as session:
        [event] = (await session.execute(text("select * from audit_events"))).mappings().all()
    assert (event["organization_id"], event["action"]) == (ours.organization_id, "queue.created")
    assert (event["actor_kind"], event["actor_id"], event["request_id"]) == ("api_key", "the-key", "the-request")
    assert (event["subject_kind"], event["subject_id"]) == ("queue", made.id)
    assert event["before"] is None
    assert event["after"]["name"] == "mail"


async def test_refused_queue_leaves_no_event(database: Database, ours: Tenant) -> None:
    """A name that is taken is a Conflict naming the field, and neither row nor event stays."""
    with pytest.raises(Conflict) as refused:
        async with database.unit_of_work(ours.scope) as session:
            await create_queue(session, ours.scope, name="work")

    assert refused.value.details.keys() == {"name"}
    async with database.unit_of_work(FLEET) as session:
        assert (await session.execute(text("select count(*) from audit_events"))).scalar_one() == 0


async def test_every_wrong_rule_is_named(database: Database, ours: Tenant) -> None:
    """All rules that cannot be are named in one error."""
    backoff = Backoff("random", -1, 0.5, -1)  # type: ignore[arg-type]  # a caller without types
    with pytest.raises(ValidationFailed) as refused:
        async with database.unit_of_work(ours.scope) as session:
            await create_queue(
                session,
                ours.scope,
                name="",
                description="d" * 501,
                max_concurrency=0,
                max_attempts=1001,
                lease_seconds=0,
                backoff=backoff,
            )

    assert refused.value.details.keys() == {
        "name",
        "description",
        "max_concurrency",
        "max_attempts",
        "lease_seconds",
        "backoff_policy",
        "backoff_base_seconds",
        "backoff_factor",
        "backoff_cap_seconds",
    }
