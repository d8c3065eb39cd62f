from __future__ import annotations

import sys
from pathlib import Path

import anyio
import pytest
from tests.fixtures.people import actions, tell
from tests.fixtures.processes import environment_of
from tests.fixtures.signing import begin, make_account

from fairlead.db.session import Database
from fairlead.services.passwords import Passwords

pytestmark = pytest.mark.anyio


async def test_a_password_without_a_mail(database: Database, database_url: str, tmp_path: Path) -> None:
    """The operator sets a password from input: it is the right one from then on, and the user's sessions are over."""
    account = await make_account(database)
    await begin(database, account.user.id)

    done = await anyio.run_process(
        [sys.executable, "-m", "fairlead", "user", "password", account.user.email.upper()],
        input=b"a password of the operator's\n",
        env=environment_of(tmp_path, database_url),
    )

    [(kept,)] = await tell(database, "select secret_hash from credentials")
    assert "The password is set." in done.stderr.decode()
    assert (await Passwords().check("a password of the operator's", against=kept)).right
    assert await tell(database, "select 1 from sessions where revoked_at is null") == []
    assert (await actions(database)).count("user.password_set") == 2
