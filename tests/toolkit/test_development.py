from __future__ import annotations

import pytest
from tests.fixtures.databases import database_of
from tests.fixtures.doctor import do
from tests.fixtures.pushes import rows

from fairlead.errors import NotForDevelopment
from fairlead.toolkit.development import is_development, mark_development, need_development
from fairlead.toolkit.environment import connected

_COMMENT = "select shobj_description(oid, 'pg_database') from pg_database where datname = current_database()"


def test_an_empty_database_is_marked_once(empty_url: str) -> None:
    """A database with nothing in it is marked, beside what its comment says already; twice changes nothing."""
    do(empty_url, f"comment on database \"{database_of(empty_url)}\" is 'Anna''s own'")
    with connected(empty_url) as connection:
        assert not is_development(connection)
        mark_development(connection, embedded=False)
        mark_development(connection, embedded=False)
        assert is_development(connection)
        need_development(connection)
    assert rows(empty_url, _COMMENT) == [("Anna's own fairlead:development",)]


def test_a_database_that_is_not_marked(empty_url: str) -> None:
    """Without the mark it is refused; the statement in the message marks it."""
    with connected(empty_url) as connection:
        with pytest.raises(NotForDevelopment) as raised:
            need_development(connection)
        assert "--mark-development" in raised.value.message
        do(empty_url, raised.value.message.rpartition("owner: ")[2])
        need_development(connection)


def test_a_database_in_which_somebody_has_rows(empty_url: str) -> None:
    """Where rows are a database is marked only when it is the embedded one, and else by its owner's own statement."""
    do(empty_url, "create table notes as select 1 as id", "create table versions as select 1 as id")
    with connected(empty_url) as connection:
        with pytest.raises(NotForDevelopment, match="something in notes, versions"):
            mark_development(connection, embedded=False)
        with pytest.raises(NotForDevelopment, match="something in notes"):
            mark_development(connection, embedded=False, spared=("versions",))
        assert not is_development(connection)
        mark_development(connection, embedded=True)
        assert is_development(connection)


def test_a_dump_does_not_carry_the_mark(empty_url: str) -> None:
    """The mark is the database's: nothing in it is changed, so that no copy of what is in it is marked."""
    before = rows(empty_url, "select count(*) from pg_description")
    with connected(empty_url) as connection:
        mark_development(connection, embedded=False)
    assert rows(empty_url, "select count(*) from pg_description") == before
