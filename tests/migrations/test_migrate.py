from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from psycopg import sql
from tests.fixtures.catalogue import differences, snapshot
from tests.fixtures.databases import LOGIN, as_login, database_of
from tests.fixtures.revisions import do

from fairlead.db import migrate
from fairlead.db.migrating import run
from fairlead.db.migrating.events import Adopted, Applying, Event, Waiting
from fairlead.db.migrating.revisions import in_order, read
from fairlead.domain.permissions import SYSTEM_ROLES
from fairlead.errors import MigrationsUnknown, OperatorError
from fairlead.schema.row_security import ROLES

ALL = [script.revision for script in in_order(read(migrate.OWN))]


def test_up_down_up_leaves_nothing_behind(empty_url: str) -> None:
    """Down removes everything that up made, and a second up makes the same again."""
    empty = snapshot(empty_url)
    migrate.migrate(empty_url)
    first = snapshot(empty_url)
    migrate.downgrade(empty_url)
    assert differences(empty, snapshot(empty_url)) == []
    migrate.migrate(empty_url)
    assert differences(first, snapshot(empty_url)) == []


def test_each_revision_is_told_and_applied_once(empty_url: str) -> None:
    """Migrating says each revision as it starts, returns them all, and afterwards nothing is pending."""
    told: list[str] = []

    def tell(event: Event) -> None:
        if isinstance(event, Applying):
            told.append(event.revision)

    waiting = migrate.pending(empty_url)
    assert migrate.migrate(empty_url, tell=tell) == waiting == told
    assert waiting[0] == "20261122_baseline"
    assert migrate.pending(empty_url) == []
    assert migrate.migrate(empty_url, tell=tell) == []
    assert told == waiting


def test_two_runs_at_once_apply_each_revision_once(empty_url: str) -> None:
    """Of two runs at the same time one applies everything; the other waits, finds nothing to do, and does not fail."""
    first_has_started, the_other_waits = threading.Event(), threading.Event()
    with ThreadPoolExecutor(2) as threads:

        def hold_until_the_other_waits(event: Event) -> None:
            if isinstance(event, Applying) and event.revision == ALL[0]:
                first_has_started.set()
                assert the_other_waits.wait(timeout=20)

        def note(event: Event) -> None:
            if isinstance(event, Waiting):
                the_other_waits.set()

        first = threads.submit(migrate.migrate, empty_url, tell=hold_until_the_other_waits)
        assert first_has_started.wait(timeout=20)
        second = threads.submit(migrate.migrate, empty_url, tell=note)
        assert (first.result(timeout=30), second.result(timeout=30)) == (ALL, [])


def test_the_release_before_goes_on_after_a_newer_one_migrated(fresh_url: str) -> None:
    """Code whose database is ahead of it lacks nothing, so that it may be started again; it migrates nothing either."""
    do(fresh_url, "update fairlead_migrations set version_num = '20991231_newer'")
    assert migrate.pending(fresh_url) == []
    with pytest.raises(MigrationsUnknown, match="The database is at 20991231_newer, of which there is no file"):
        migrate.migrate(fresh_url)


def test_a_database_of_an_older_release(fresh_url: str) -> None:
    """A database that was migrated before files were noted is taken over with a word, and watched from then on."""
    do(fresh_url, "comment on table fairlead_migrations is null")
    told: list[Event] = []
    assert migrate.migrate(fresh_url, tell=told.append) == []
    assert [event.revisions for event in told if isinstance(event, Adopted)] == [tuple(ALL)]
    assert run.look(fresh_url, migrate.OWN).unnoted == ()


def test_a_login_without_rights_is_told_what_to_run(foreign_url: str) -> None:
    """Without the rights it needs migrating fails with what an administrator has to run, and makes nothing."""
    with pytest.raises(OperatorError) as raised:
        migrate.migrate(foreign_url)
    assert "permission denied" in raised.value.message
    for role in ROLES:
        assert f"create role {role} nologin" in raised.value.message
    assert "fairlead db migrate" in raised.value.message
    assert snapshot(foreign_url)["relations"] == []


def test_what_the_message_says_is_enough(server_url: str, foreign_url: str, stranger: str) -> None:
    """After an administrator ran what the message says, word by word, the same login migrates."""
    with pytest.raises(OperatorError) as raised:
        migrate.migrate(foreign_url)
    advice = raised.value.message.partition("in this database: ")[2].partition(". Then")[0]
    # The roles belong to the server and are there; what is left to run is what gives rights to the login.
    statements = [part for part in advice.split("; ") if not part.startswith("create role")]
    assert len(statements) == 2
    name = sql.Identifier(stranger).as_string()
    administrator = psycopg.connect(server_url, dbname=database_of(foreign_url), autocommit=True)
    with administrator as connection:
        for statement in statements:
            connection.execute(statement.replace("<your login>", name).encode())
    assert migrate.migrate(foreign_url) == ALL


def test_a_login_that_owns_the_database_only_is_told_what_to_run(
    server_url: str, foreign_url: str, stranger: str
) -> None:
    """Owning the database is not enough where the roles exist: the login must be one of their members."""
    name = database_of(foreign_url)
    with psycopg.connect(server_url, autocommit=True) as connection:
        owner = sql.SQL("alter database {} owner to {}")
        connection.execute(owner.format(sql.Identifier(name), sql.Identifier(stranger)))
    with pytest.raises(OperatorError, match="with admin option"):
        migrate.migrate(as_login(server_url, name, stranger))
    assert snapshot(foreign_url)["relations"] == []
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(owner.format(sql.Identifier(name), sql.Identifier(LOGIN)))


def test_the_system_roles_are_those_of_the_domain(fresh_url: str) -> None:
    """The roles in the table have the permissions that the domain's table gives them, under their fixed ids."""
    with psycopg.connect(fresh_url) as connection:
        connection.execute("set role fairlead_system")
        rows = connection.execute("select id, name, organization_id, permissions from roles").fetchall()
    assert {row[0]: frozenset(row[3]) for row in rows} == SYSTEM_ROLES
    assert [(row[0], len(row[3])) for row in rows] == [(row[1], len(set(row[3]))) for row in rows]
    assert {row[2] for row in rows} == {None}
