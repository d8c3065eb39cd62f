from __future__ import annotations

import pytest
from tests.fixtures.items import FLEET
from tests.fixtures.people import tell
from tests.fixtures.signing import begin, make_account

from fairlead.db.buckets import take_tokens
from fairlead.db.expired import remove_expired
from fairlead.db.session import Database
from fairlead.domain.budgets import Bucket, Take
from fairlead.domain.letters import Letter
from fairlead.services.delivery import keep
from fairlead.services.idempotency import Attempt, keep_personal_answer
from fairlead.services.verifications import start_challenge

pytestmark = pytest.mark.anyio
AGE = (
    "update verifications set expires_at = now() - interval '25 hours'",
    "update sessions set idle_expires_at = now() - interval '91 days'",
    "update buckets set full_at = now() - interval '1 second'",
    "update kept_mails set created_at = now() - interval '8 days'",
    "update personal_idempotency_keys set created_at = now() - interval '25 hours'",
)


async def _removed(database: Database) -> int:
    async with database.unit_of_work(FLEET) as session:
        return await remove_expired(session, FLEET)


async def test_what_is_over_goes_and_nothing_else(database: Database) -> None:
    """What goes on, or ended a moment ago, stays; each kind goes when its own time is over."""
    account = await make_account(database)
    await begin(database, account.user.id)
    async with database.unit_of_work(FLEET) as session:
        await start_challenge(session, FLEET, user_id=account.user.id, email=account.user.email)
        await take_tokens(session, FLEET, takes=[Take("a", Bucket(3, 1000))])
        await keep(session, FLEET, letter=Letter("a@example.org", "Hello", "Text"))
        asked = Attempt("r", "k", "f")
        await keep_personal_answer(
            session, FLEET, user_id=account.user.id, attempt=asked, answer=b"", secret=b"a secret"
        )
    await tell(database, "update sessions set revoked_at = now()")
    await tell(database, "update verifications set expires_at = now()")
    assert await _removed(database) == 0

    for age in AGE:
        await tell(database, age)
        assert await _removed(database) == 1
