from __future__ import annotations

import psycopg
import pytest
from psycopg import sql
from tests.fixtures.catalogue import differences, snapshot
from tests.fixtures.databases import as_login, database_of

from fairlead.db import migrate
from fairlead.errors import OperatorError
from fairlead.toolkit.shadow import scratch, shadow
from fairlead.toolkit.target import own


def _exists(url: str, name: str) -> bool:
    with psycopg.connect(url) as connection:
        return connection.execute("select from pg_database where datname = %s", [name]).fetchone() is not None


def test_a_shadow_is_what_the_migrations_build(workshop_url: str, fresh_url: str) -> None:
    """A shadow at the head is what `fairlead db migrate` makes, without Alembic's env.py having been asked."""
    with shadow(workshop_url, own()) as url:
        assert differences(snapshot(fresh_url), snapshot(url)) == []
        assert migrate.pending(url) == []


def test_a_shadow_stands_at_the_revision_asked_for(workshop_url: str) -> None:
    """A shadow can stand at any revision, and is empty at the base."""
    with shadow(workshop_url, own(), revision="20261122_baseline") as url:
        assert len(migrate.pending(url)) >= 3
    with shadow(workshop_url, own(), revision="base") as url:
        assert snapshot(url)["relations"] == []


def test_a_shadow_is_gone_afterwards(workshop_url: str) -> None:
    """The database is dropped when its block ends, also by an error and with a connection open."""
    with pytest.raises(ZeroDivisionError), scratch(workshop_url) as url, psycopg.connect(url):
        assert _exists(workshop_url, database_of(url)) / 0
    assert not _exists(workshop_url, database_of(url))


def test_what_a_killed_run_left_is_swept(workshop_url: str) -> None:
    """The next run drops a database whose maker is gone, and leaves one that is in use."""
    with scratch(workshop_url) as in_use, psycopg.connect(workshop_url, autocommit=True) as connection:
        left = "fairlead_shadow_left_by_a_killed_run"
        connection.execute(sql.SQL("create database {} template template0").format(sql.Identifier(left)))
        with scratch(workshop_url):
            assert not _exists(workshop_url, left)
            assert _exists(workshop_url, database_of(in_use))


def test_a_login_that_makes_no_databases(server_url: str, workshop_url: str, stranger: str) -> None:
    """A login without the right is told what an administrator has to run, and which setting names another server."""
    with (
        pytest.raises(OperatorError, match=r"createdb.*FAIRLEAD_SHADOW_URL"),
        scratch(as_login(server_url, database_of(workshop_url), stranger)),
    ):
        pass
