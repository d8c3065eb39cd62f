from __future__ import annotations

import base64
import sys
import time
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.fixtures.items import FLEET
from tests.fixtures.people import actions, tell
from tests.fixtures.processes import environment_of
from tests.fixtures.signing import begin, code_of, make_account
from tests.tenancy.world import PEPPER

from fairlead.db.session import Database
from fairlead.services.audit import Actor
from fairlead.services.passwords import Passwords
from fairlead.services.second_factors import confirm_second_factor, offer_second_factor

pytestmark = pytest.mark.anyio


async def said(*command: str, given: bytes = b"", to: tuple[Path, str]) -> str:
    """Run a command of an operator's and return what it said."""
    home, url = to
    whole = [sys.executable, "-m", "fairlead", "user", *command]
    done = await anyio.run_process(whole, input=given, env=environment_of(home, url), check=False)
    return f"{done.returncode} {done.stderr.decode()}"


async def test_a_password_without_a_mail(database: Database, database_url: str, tmp_path: Path) -> None:
    """The operator sets a password from input: it is the right one from then on, and the user's sessions are over."""
    account = await make_account(database)
    await begin(database, account.user.id)

    typed = b"a password of the operator's\n"
    answer = await said("password", account.user.email.upper(), given=typed, to=(tmp_path, database_url))

    [(kept,)] = await tell(database, "select secret_hash from credentials")
    assert "0 The password is set." in answer
    assert (await Passwords().check("a password of the operator's", against=kept)).right
    assert await tell(database, "select 1 from sessions where revoked_at is null") == []
    assert (await actions(database)).count("user.password_set") == 2


async def test_a_second_factor_that_was_lost(database: Database, database_url: str, tmp_path: Path) -> None:
    """The operator removes it: its backup codes are gone, the user's sessions are over, and it is told in the audit."""
    account = await make_account(database)
    await begin(database, account.user.id)
    async with database.unit_of_work(FLEET) as session:
        them: dict[str, Any] = {"user_id": account.user.id, "pepper": PEPPER}
        offered = await offer_second_factor(session, FLEET, **them)
        code = code_of(base64.b32decode(offered.secret), time.time())
        await confirm_second_factor(session, FLEET, code=code, actor=Actor("user", account.user.id), **them)

    answers = [
        await said("remove-second-factor", email, to=(tmp_path, database_url))
        for email in (account.user.email.upper(), account.user.email, "nobody@example.com")
    ]

    assert "0 The second factor is removed." in answers[0]
    assert answers[1].startswith("1 ")
    assert f"{account.user.email} has no second factor." in answers[1]
    assert "There is no user with the address 'nobody@example.com'." in answers[2]
    assert await tell(database, "select 1 from second_factors") == []
    assert await tell(database, "select 1 from credentials where provider = 'backup_code'") == []
    assert await tell(database, "select 1 from sessions where revoked_at is null") == []
    assert "user.second_factor_removed" in await actions(database)
