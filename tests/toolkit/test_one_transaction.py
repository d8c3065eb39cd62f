from __future__ import annotations

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError
from tests.fixtures.databases import LOGIN
from tests.fixtures.doctor import OWNER
from tests.fixtures.pushes import rows

from fairlead.errors import DatabaseUnavailable
from fairlead.toolkit.one_transaction import one_transaction

_NOTES = "select count(*) from pg_class where relname = 'notes'"


@pytest.mark.parametrize("kept", [True, False])
def test_nothing_stays_until_it_is_kept(empty_url: str, *, kept: bool) -> None:
    """What was committed on the connection is there for it, for nobody else, and afterwards only when it was kept."""
    with one_transaction(empty_url) as (connection, keep):
        with connection.begin():
            connection.execute(text("create table notes (id int)"))
        with connection.begin():
            assert connection.execute(text(_NOTES)).scalar_one() == 1
        assert rows(empty_url, _NOTES) == [(0,)]
        if kept:
            keep()
    assert rows(empty_url, _NOTES) == [(int(kept),)]


def test_a_failure_undoes_itself_alone(empty_url: str) -> None:
    """A transaction on the connection that fails is undone, and what was done before it is still there."""
    with one_transaction(empty_url) as (connection, keep):
        with connection.begin():
            connection.execute(text("create table notes (id int)"))
        with pytest.raises(ProgrammingError), connection.begin():
            connection.execute(text("alter table notes add more int; select nothing"))
        with connection.begin() as transaction:
            connection.execute(text("drop table notes"))
            transaction.rollback()
        keep()
    columns = "select attname from pg_attribute where attrelid = 'notes'::regclass and attnum > 0"
    assert rows(empty_url, columns) == [("id",)]


def test_what_a_transaction_set_ends_with_it(fresh_url: str) -> None:
    """A role and a setting that were local to a transaction are not there in the next."""
    with one_transaction(fresh_url) as (connection, _):
        with connection.begin():
            connection.execute(text(f"set local role {OWNER}; set local search_path = pg_temp"))
            assert connection.execute(text("select current_user")).scalar_one() == OWNER
        with connection.begin():
            settings = text("select current_user, current_setting('search_path'), current_setting('lock_timeout')")
            assert tuple(connection.execute(settings).one()) == (LOGIN, '"$user", public', "5s")


def test_a_database_that_is_not_there() -> None:
    """Without a database it is said in a sentence."""
    with (
        pytest.raises(DatabaseUnavailable, match="cannot be reached"),
        one_transaction("postgresql://nobody@127.0.0.1:1/none"),
    ):
        pass


def test_nothing_is_kept_of_a_connection_that_was_lost(empty_url: str) -> None:
    """When the server ends the connection nothing of it is there."""
    with one_transaction(empty_url) as (connection, keep):
        with connection.begin():
            connection.execute(text("create table notes (id int)"))
            process = connection.execute(text("select pg_backend_pid()")).scalar_one()
        rows(empty_url, f"select pg_terminate_backend({process}, 5000)")
        with pytest.raises(psycopg.OperationalError):
            keep()
    assert rows(empty_url, _NOTES) == [(0,)]
