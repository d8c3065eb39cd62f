from __future__ import annotations

import pytest
from tests.fixtures.organizations import Tenant
from tests.fixtures.people import tell

from fairlead.db.session import Database
from fairlead.errors import IdempotencyInFlight, IdempotencyKeyReused
from fairlead.services.idempotency import Attempt, keep_answer, recall_answer

pytestmark = pytest.mark.anyio
SECRET = b"a secret for tests, at least this long"
ATTEMPT = Attempt("create_queue", "k", "of what was asked")


async def recalled(
    database: Database, owner: Tenant, attempt: Attempt = ATTEMPT, secret: bytes = SECRET
) -> bytes | None:
    """Ask for the answer in a transaction of its own."""
    async with database.unit_of_work(owner.scope) as session:
        return await recall_answer(session, owner.scope, attempt=attempt, secret=secret)


async def keep(database: Database, owner: Tenant, *, regretted: bool = False) -> None:
    """Be the first, and keep an answer; or do not, after all."""
    async with database.unit_of_work(owner.scope) as session:
        assert await recall_answer(session, owner.scope, attempt=ATTEMPT, secret=SECRET) is None
        await keep_answer(session, owner.scope, attempt=ATTEMPT, answer=b"the answer", secret=SECRET)
        if regretted:
            raise RuntimeError


async def test_the_first_answer_is_kept(database: Database, ours: Tenant, theirs: Tenant) -> None:
    """It comes back for the same request under the same key and route of the organization, and for nothing else."""
    await keep(database, ours)

    assert await recalled(database, ours) == b"the answer"
    assert await recalled(database, ours, ATTEMPT._replace(key="other")) is None
    assert await recalled(database, ours, ATTEMPT._replace(route="create_schedule")) is None
    assert await recalled(database, theirs) is None
    with pytest.raises(IdempotencyKeyReused):
        await recalled(database, ours, ATTEMPT._replace(fingerprint="of something else"))
    [(stored,)] = await tell(database, "select answer from idempotency_keys")
    assert b"answer" not in stored


async def test_what_is_undone_leaves_no_answer(database: Database, ours: Tenant) -> None:
    """When the transaction that makes the thing is rolled back the next request is the first one."""
    with pytest.raises(RuntimeError):
        await keep(database, ours, regretted=True)
    assert await recalled(database, ours) is None


async def test_two_at_once_do_not_wait(database: Database, ours: Tenant) -> None:
    """While one is at it another with the same key is told so at once, whatever it asks."""
    async with database.unit_of_work(ours.scope) as session:
        assert await recall_answer(session, ours.scope, attempt=ATTEMPT, secret=SECRET) is None
        for attempt in (ATTEMPT, ATTEMPT._replace(fingerprint="of something else")):
            with pytest.raises(IdempotencyInFlight):
                await recalled(database, ours, attempt)


async def test_an_answer_of_another_secret_is_not_made_up(database: Database, ours: Tenant) -> None:
    """When the installation's secret is another one by now, the request is refused, and not carried out again."""
    await keep(database, ours)
    with pytest.raises(IdempotencyKeyReused):
        await recalled(database, ours, secret=SECRET + b"!")
