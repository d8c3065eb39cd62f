from __future__ import annotations

import asyncio
import base64
import time

import pytest
from sqlalchemy import text
from tests.fixtures.items import FLEET
from tests.fixtures.people import PEPPER, tell
from tests.fixtures.signing import Account, code_of
from tests.fixtures.waiting import until

from fairlead.db.session import Database
from fairlead.errors import WrongCredentials
from fairlead.services.access import Person
from fairlead.services.credential_changes import put_second_factor_in_force
from fairlead.services.passwords import Checked
from fairlead.services.second_factors import offer_second_factor
from fairlead.services.sessions import Client, StartedSession
from fairlead.services.sign_ins import Attempt, Challenge, begin_sign_in, finish_sign_in

pytestmark = pytest.mark.anyio
CLIENT = Client("192.0.2.1")
_WAITING = "select 1 from pg_locks where not granted"


async def _begun(database: Database, account: Account) -> tuple[Attempt, str]:
    """Return a sign-in whose password is being compared, and a code of a factor that is offered."""
    async with database.unit_of_work(FLEET) as session:
        attempt = await begin_sign_in(session, FLEET, email=account.user.email, client=CLIENT)
        offered = await offer_second_factor(session, FLEET, user_id=account.user.id, pepper=PEPPER)
    return attempt, code_of(base64.b32decode(offered.secret), time.time())


async def _finished(database: Database, attempt: Attempt) -> StartedSession | Challenge:
    async with database.unit_of_work(FLEET) as session:
        return await finish_sign_in(session, FLEET, attempt=attempt, checked=Checked(right=True), client=CLIENT)


async def test_a_factor_that_came_while_the_password_was_compared_counts(database: Database, account: Account) -> None:
    """A sign-in that began before a factor was in force, and ends while or after it is put there, needs its code."""
    attempt, code = await _begun(database, account)
    async with database.unit_of_work(FLEET) as session:
        person = Person(account.user.id, "none")
        await put_second_factor_in_force(session, FLEET, person=person, code=code, pepper=PEPPER, client=CLIENT)
        finishing = asyncio.create_task(_finished(database, attempt))

        async def waits() -> bool:
            return finishing.done() or bool(await tell(database, _WAITING))

        await until(waits, what="the sign-in waits for the change")

    assert isinstance(await finishing, Challenge)
    assert isinstance(await _finished(database, attempt), Challenge)
    assert await tell(database, "select count(*) from sessions where revoked_at is null") == [(1,)]


async def test_an_account_that_went_while_the_password_was_compared_lets_nobody_in(
    database: Database, account: Account
) -> None:
    """Whoever is deleted during their sign-in is told what a wrong password is told."""
    attempt, _ = await _begun(database, account)
    async with database.unit_of_work(FLEET) as session:
        await session.execute(text("update users set deleted_at = now()"))

    with pytest.raises(WrongCredentials):
        await _finished(database, attempt)
    assert await tell(database, "select count(*) from sessions") == [(0,)]
