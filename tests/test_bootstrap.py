from __future__ import annotations

import asyncio
import os
import stat
import subprocess
import sys
from pathlib import Path

import orjson
import psycopg
import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from fairlead.bootstrap import Resources, open_resources, secret_bytes, smtp_options
from fairlead.db import migrate
from fairlead.db.connect import DatabaseOptions
from fairlead.db.notify import Notifier
from fairlead.db.session import Database
from fairlead.db.tenancy import system
from fairlead.errors import DatabaseUnavailable, SchemaOutdated, SettingsInvalid
from fairlead.settings import Settings
from tests.fixtures.faults import refuse_connections
from tests.fixtures.waiting import until

SECRET = "a secret for tests, at least this long"
_MAKES_A_SECRET = """
from fairlead.bootstrap import secret_bytes
from fairlead.settings import Settings
print(secret_bytes(Settings()).decode())
"""


def _settings(url: str) -> Settings:
    return Settings(database_url=SecretStr(url), secret=SecretStr(SECRET))


def _secret_in(directory: str) -> bytes:
    return secret_bytes(Settings(data_dir=Path(directory), secret=None))


def test_a_given_secret_is_used(tmp_path: Path) -> None:
    """With FAIRLEAD_SECRET nothing is read or written."""
    settings = Settings(secret=SecretStr(SECRET), data_dir=tmp_path / "data")

    assert secret_bytes(settings) == SECRET.encode()
    assert list(tmp_path.iterdir()) == []


def test_a_secret_is_made_once(tmp_path: Path) -> None:
    """Without one, a long secret is made that only we can read, and found again; nothing else is left behind."""
    first, second = (_secret_in(str(tmp_path / "data")) for _ in range(2))
    (path,) = (tmp_path / "data").iterdir()

    assert first == second == path.read_bytes()
    assert len(first) >= 32
    assert path.name == "secret"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_secret_made_by_many_at_once(tmp_path: Path) -> None:
    """Processes that make the secret at the same time end with the same one."""
    made = _at_once(4, "-c", _MAKES_A_SECRET, FAIRLEAD_DATA_DIR=str(tmp_path))

    assert set(made) == {_secret_in(str(tmp_path)).decode() + "\n"}
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]


@pytest.mark.parametrize("content", [b"", b"short\n"])
def test_a_damaged_secret_is_refused(tmp_path: Path, content: bytes) -> None:
    """A secret file that was cut is not used, because it would key the hashes with next to nothing."""
    (tmp_path / "secret").write_bytes(content)

    with pytest.raises(SettingsInvalid, match=r"damaged .* set FAIRLEAD_SECRET"):
        _secret_in(str(tmp_path))


def test_a_secret_that_cannot_be_kept(tmp_path: Path) -> None:
    """When the data directory cannot be used, the error says what to set instead."""
    (tmp_path / "file").touch()

    with pytest.raises(SettingsInvalid, match="set FAIRLEAD_SECRET"):
        _secret_in(str(tmp_path / "file"))


@pytest.mark.anyio
async def test_resources_work(database_url: str) -> None:
    """What is opened works, has the sizes asked for, and is closed with the block."""
    async with open_resources(_settings(database_url), application_name="opened", pool_size=3) as resources:
        async with resources.database.unit_of_work(system("a test")):
            pass
        assert resources.database.options.pool_size == 3
        assert (resources.pepper, resources.database_url) == (SECRET.encode(), database_url)
        assert _connections(database_url, "opened") == 1

    async def closed() -> bool:
        return _connections(database_url, "opened") == 0

    await until(closed, what="every connection is closed")


def _connections(url: str, application_name: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "select count(*) from pg_stat_activity where application_name = %s and datname = current_database()",
            [application_name],
        ).fetchone()
    return int(row[0]) if row else 0


@pytest.mark.anyio
async def test_a_foreign_database_is_not_migrated(empty_url: str) -> None:
    """A database without our schema is left alone, with an error that says what to run."""
    with pytest.raises(SchemaOutdated, match=r"lacks \d+ migration.*run 'fairlead db migrate'"):
        async with open_resources(_settings(empty_url), application_name="tests", wait_for_database=True):
            pass

    assert migrate.pending(empty_url)


@pytest.mark.anyio
@pytest.mark.parametrize("url", ["mysql://host/name", "not a url", ""])
async def test_an_impossible_url_is_named(url: str) -> None:
    """A URL that is not PostgreSQL's is refused at once, its variable named."""
    with pytest.raises(SettingsInvalid, match="FAIRLEAD_DATABASE_URL"):
        async with open_resources(_settings(url), application_name="tests", wait_for_database=True):
            pass


@pytest.mark.anyio
async def test_an_unreachable_database() -> None:
    """A caller that does not wait hears at once that the database cannot be reached, and why."""
    settings = _settings("postgresql://somebody:hidden@127.0.0.1:1/none")
    with pytest.raises(DatabaseUnavailable, match=r"cannot be reached: .*refused") as raised:
        async with open_resources(settings, application_name="tests"):
            pass

    assert "hidden" not in str(raised.value)


@pytest.mark.anyio
async def test_waiting_for_a_database(fresh_url: str, server_url: str) -> None:
    """A caller that waits goes on as soon as the database is there; that it waits, and for what, is said once."""
    refuse_connections(server_url, fresh_url, refuse=True)
    opened = asyncio.Event()

    async def opening() -> None:
        async with open_resources(_settings(fresh_url), application_name="tests", wait_for_database=True):
            opened.set()

    with capture_logs() as logs:
        task = asyncio.create_task(opening())

        async def awaited() -> bool:
            return bool(logs)

        await until(awaited, what="it says that it waits")
        assert not opened.is_set()
        refuse_connections(server_url, fresh_url, refuse=False)
        await asyncio.wait_for(task, 10)

    assert [line["event"] for line in logs] == ["database_awaited", "database_reached"]
    assert "not currently accepting connections" in logs[0]["error"]


@pytest.mark.anyio
async def test_what_is_waited_for_long_is_said_again(
    fresh_url: str, server_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever looks at the log later finds what a process still waits for, a wrong password say."""
    monkeypatch.setattr("fairlead.bootstrap._SAY_AGAIN_SECONDS", 0.1)
    refuse_connections(server_url, fresh_url, refuse=True)

    async def opening() -> None:
        async with open_resources(_settings(fresh_url), application_name="tests", wait_for_database=True):
            pytest.fail("There is no database to open.")

    with capture_logs() as logs:
        task = asyncio.create_task(opening())

        async def said_twice() -> bool:
            return len(logs) > 1

        try:
            await until(said_twice, what="it says so again")
        finally:
            task.cancel()
            await asyncio.wait([task])
            refuse_connections(server_url, fresh_url, refuse=False)

    assert {line["event"] for line in logs} == {"database_awaited"}


def _at_once(count: int, *arguments: str, **environment: str) -> list[str]:
    """Run Python several times at once; return what each wrote, none having failed."""
    processes = [
        subprocess.Popen(
            [sys.executable, *arguments],
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for _ in range(count)
    ]
    written = [process.communicate(timeout=60)[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * count
    return written


def test_two_processes_migrate_at_once(empty_url: str) -> None:
    """Two processes that migrate at the same time apply each migration once, and both succeed."""
    wanted = migrate.pending(empty_url)
    written = _at_once(2, "-m", "fairlead", "db", "migrate", "--json", FAIRLEAD_DATABASE_URL=empty_url)

    assert sorted((orjson.loads(text)["applied"] for text in written), key=len) == [[], wanted]
    assert migrate.pending(empty_url) == []


@pytest.mark.anyio
async def test_the_embedded_database_is_looked_after(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Without a URL a PostgreSQL is started, brought to the newest schema, and stopped when nobody needs it."""
    directory = tmp_path_factory.mktemp("e")
    settings = Settings(database_url=None, secret=SecretStr(SECRET), data_dir=directory)
    async with open_resources(settings, application_name="tests") as resources:
        assert await asyncio.to_thread(migrate.pending, resources.database_url) == []
        assert list(directory.rglob("postmaster.pid"))

    assert not list(directory.rglob("postmaster.pid"))


def test_a_migration_goes_past_the_pooler(empty_url: str) -> None:
    """With a direct URL, migrations use that one, so that the other need not keep a session."""
    done = _at_once(
        1,
        *("-m", "fairlead", "db", "migrate", "--json"),
        FAIRLEAD_DATABASE_URL="postgresql://nobody@127.0.0.1:1/none",
        FAIRLEAD_DATABASE_DIRECT_URL=empty_url,
    )
    assert orjson.loads(done[0])["applied"]
    assert migrate.pending(empty_url) == []


def test_what_needs_a_session_goes_past_the_pooler() -> None:
    """The direct URL is where wake-ups are listened for; without one it is the only URL there is."""
    assert DatabaseOptions(url="postgresql://pooled").session_url == "postgresql://pooled"
    options = DatabaseOptions(url="postgresql://pooled", direct_url="postgresql://direct")
    assert options.session_url == "postgresql://direct"


@pytest.mark.anyio
async def test_nothing_is_prepared_where_it_must_not_be(process_url: str) -> None:
    """A process told not to prepare statements opens its database so, and knows where to find a session."""
    settings = Settings(
        database_url=SecretStr(process_url),
        database_direct_url=SecretStr(process_url),
        database_prepare=False,
        secret=SecretStr(SECRET),
    )
    async with open_resources(settings, application_name="tests") as resources:
        options = resources.database.options
    assert (options.prepare_after, options.direct_url) == (None, process_url)


def test_secrets_are_not_shown() -> None:
    """The representation of what a process works with, which ends up in logs, holds no secret and no password."""
    options = DatabaseOptions(url="postgresql://me:password@here/there", direct_url="postgresql://me:password@here/2")
    resources = Resources(Database(options), Notifier(options), options.url, b"the pepper")
    assert "password" not in repr(resources) + repr(options)
    assert "pepper" not in repr(resources)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://mail.test", ("mail.test", 587, None, None, False, None)),
        ("smtp://ada:p%40ss@mail.test:2525", ("mail.test", 2525, "ada", "p@ss", False, True)),
        ("smtps://ada:pass@mail.test", ("mail.test", 465, "ada", "pass", True, True)),
        ("smtp://ada:pass@localhost:25", ("localhost", 25, "ada", "pass", False, None)),
    ],
)
def test_a_mail_server_is_named_by_a_url(url: str, expected: tuple[object, ...]) -> None:
    """Host, port and login are read from the URL; a password goes only over TLS, or to this machine."""
    smtp = smtp_options(Settings(smtp_url=SecretStr(url), mail_from="a@b.test"))

    assert smtp is not None
    assert (smtp.host, smtp.port, smtp.username, smtp.password, smtp.use_tls, smtp.start_tls) == expected
    assert smtp.sender == "a@b.test"


@pytest.mark.parametrize(
    "url", ["mail.test", "http://mail.test", "smtp://", "smtp://h:port", "smtp://ada:secret@h:99999"]
)
def test_what_names_no_mail_server_is_refused(url: str) -> None:
    """A wrong URL is told by the variable's name, without what stands in it."""
    with pytest.raises(SettingsInvalid) as raised:
        smtp_options(Settings(smtp_url=SecretStr(url)))
    assert list(raised.value.details) == ["FAIRLEAD_SMTP_URL"]
    assert "secret" not in str(raised.value)


def test_without_a_mail_server_there_is_none() -> None:
    """Nothing is guessed."""
    assert smtp_options(Settings(smtp_url=None)) is None
