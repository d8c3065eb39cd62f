"""Canaries for secrets and for what customers store, through the whole API: they come out where they should, only."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from fastapi import FastAPI
from psycopg import sql
from tests.api.conftest import PEPPER, make_key
from tests.fixtures.databases import database_of
from tests.fixtures.organizations import Tenant
from tests.fixtures.signing import QUICK, Mailbox, bearer, coming_from, token_in
from tests.leaks.canaries import PRIVATE, SECRET, questions

from fairlead.api.app import create_app
from fairlead.bootstrap import Resources
from fairlead.db.connect import DatabaseOptions
from fairlead.db.notify import Notifier
from fairlead.db.session import Database
from fairlead.observability.log import configure

pytestmark = pytest.mark.anyio
_VALUES = re.compile(r"^.*(?:DETAIL|CONTEXT):.*\n(?:\t.*\n)*", re.MULTILINE)  # rows and parameters, no statement

WRONGLY = (
    {"authorization": f"Bearer flk_live_{SECRET}"},
    {"authorization": f"Bearer fls_{SECRET}"},
    {"authorization": "", "cookie": f"__Host-fairlead={SECRET}"},
)


@dataclass
class Kept:
    """Everything that a server writes down or says to somebody who did nothing right, and every secret there was."""

    refusals: list[str] = field(default_factory=list)
    secrets: set[str] = field(default_factory=lambda: {SECRET})

    async def hear(self, answer: httpx.Response) -> Any:
        """Keep an answer that refuses something, and return what any says."""
        if answer.status_code >= 400:
            self.refusals.append(f"{answer.headers}{answer.text}")
        return answer.json() if answer.content else None

    def found_in(self, text: str) -> set[str]:
        """Return the secrets that stand in a text."""
        return {secret for secret in self.secrets if secret in text}


@dataclass(frozen=True)
class ServerLog:
    """The log of the database's server from a moment on."""

    path: Path
    begun: int

    def statements(self) -> str:
        """Return what it says since then, without rows and parameters."""
        return _VALUES.sub("", self.path.read_bytes()[self.begun :].decode(errors="replace"))


@pytest.fixture
def server_log(server_url: str, fresh_url: str) -> ServerLog:
    """The log of the server, which has each statement of a fresh database as `pg_stat_statements` would keep it."""
    with psycopg.connect(server_url, autocommit=True) as connection:
        [[directory]] = connection.execute("show data_directory").fetchall()
        log = Path(directory).parent / "postgresql.log"
        if not log.is_file():
            pytest.skip("THE STATEMENTS ARE NOT LOOKED THROUGH: this server's log is somewhere else")
        for setting in ("log_statement = 'all'", "log_parameter_max_length = 0"):
            name = sql.Identifier(database_of(fresh_url))
            connection.execute(sql.SQL("alter database {} set ").format(name) + sql.SQL(setting))
    return ServerLog(log, log.stat().st_size)


@pytest.fixture
async def database(fresh_url: str, server_log: ServerLog) -> AsyncIterator[Database]:  # noqa: ARG001 - statements are logged
    """That database."""
    opened = Database(DatabaseOptions(url=fresh_url, application_name="leaks", pool_size=4))
    yield opened
    await opened.close()


@pytest.fixture
async def app(database: Database) -> AsyncIterator[FastAPI]:
    """The application, logging all that it ever logs."""
    notifier = Notifier(database.options)
    made = create_app(Resources(database=database, notifier=notifier, database_url=database.options.url, pepper=PEPPER))
    made.state.passwords = QUICK
    yield made
    await notifier.close()


async def test_secrets_come_out_nowhere(
    app: FastAPI,
    database: Database,
    server_log: ServerLog,
    *,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """No log, refusal, mail or statement has a password, token or key; no log or statement what customers store."""
    kept = Kept()
    configure(level="debug", log_format="json")
    async with coming_from(app) as client:
        mails = await _live(client, database, kept)
        for headers in WRONGLY:
            await _ask_everything(client, kept, headers)
        await _ask_everything(client, kept, dict(client.headers))
        monkeypatch.setattr("fairlead.api.deps.require", _broken)
        monkeypatch.setattr("fairlead.db.session.Database.unit_of_work", _broken)
        configure(level="debug", log_format="text")
        await _ask_everything(client, kept, dict(client.headers))

    logged, statements = capsys.readouterr(), server_log.statements()
    assert "request_failed" in logged.err
    assert "insert into" in statements
    assert len(kept.refusals) > 100
    for text in (logged.out, logged.err, statements):
        assert not kept.found_in(text)
        assert PRIVATE not in text
    for text in (*kept.refusals, *mails):
        assert not kept.found_in(text)


def _broken(*_given: Any, **_more: Any) -> Any:
    raise RuntimeError


async def _live(client: httpx.AsyncClient, database: Database, kept: Kept) -> list[str]:
    """Sign up and in, rightly and wrongly, and work; return what the mails said beside their tokens."""
    mailbox, email = Mailbox(), "ada@example.org"
    given = {"email": email, "password": SECRET, "name": "Ada", "organization": "Engines"}
    await kept.hear(await client.post("/api/auth/sign-up", json=given))
    letters = await mailbox.collect(database)
    tokens = [token_in(letters)]
    made = await kept.hear(await client.post("/api/auth/verify", json={"token": tokens[0]}))
    await kept.hear(await client.post("/api/auth/verify", json={"token": tokens[0]}))
    for password in (SECRET, f"not {SECRET}"):
        entered = await kept.hear(await client.post("/api/auth/sign-in", json={"email": email, "password": password}))
        if "data" in entered:
            token = entered["data"]["token"]
    await client.post("/api/auth/request-reset", json={"email": email})
    letters += await mailbox.collect(database)
    tokens.append(token_in(letters[-1:]))
    at = f"/api/organizations/{made['data']['organization']['id']}/queues/{made['data']['queue']['id']}"
    await client.post(f"{at}/items", json={"payload": {"note": PRIVATE}, "tags": [PRIVATE]}, headers=bearer(token))
    key = await make_key(database, Tenant(made["data"]["organization"]["id"], made["data"]["queue"]["id"]))
    kept.secrets |= {token, key.raw, *tokens}
    client.headers.update(bearer(key.raw))
    bodies = [letter.body for letter in letters]
    return [body.replace(token, "") for body, token in zip(bodies, tokens, strict=True)]


async def _ask_everything(client: httpx.AsyncClient, kept: Kept, headers: dict[str, str]) -> None:
    """Ask every operation with canaries all over it, also in a query, which is refused before anything else is seen."""
    for one, query in product(questions(), ({}, {"token": SECRET})):
        await kept.hear(await client.request(one.method, one.path, json=one.body, params=query, headers=headers))
