from __future__ import annotations

from dataclasses import replace

import psycopg
import pytest
from sqlalchemy import Connection
from tests.fixtures.databases import database_of
from tests.fixtures.drifts import DRIFTS, FOUND_ONLY, TOUCH, TRIGGER

from fairlead.toolkit.catalogue import Catalogue, Key, Kind, Thing, read_catalogue
from fairlead.toolkit.change import Action, Change, changes, telling
from fairlead.toolkit.environment import connected
from fairlead.toolkit.naming import for_driver
from fairlead.toolkit.target import own


def _read(connection: Connection) -> Catalogue:
    return read_catalogue(connection, own())


def _told(found: Catalogue, declared: Catalogue) -> list[str]:
    return [change.sentence("the database") for change in telling(changes(found, declared))]


def test_the_migrations_build_what_the_models_declare(undone: Connection, declared: Catalogue) -> None:
    """Fairlead's migrations and models agree in everything the catalogue says."""
    assert _told(_read(undone), declared) == []


@pytest.mark.parametrize("ddl", [*DRIFTS, *FOUND_ONLY])
def test_a_planted_drift_is_told(undone: Connection, declared: Catalogue, ddl: str) -> None:
    """A single change of any kind is found, and a sentence says what differs, where, and how."""
    _execute(undone, ddl)
    told = _told(_read(undone), declared)
    expected = DRIFTS.get(ddl) or FOUND_ONLY[ddl]
    assert any(expected in sentence for sentence in told), told


def test_an_owner_hides_no_definition(undone: Connection, declared: Catalogue) -> None:
    """What a function does is told also when it has another owner or comment."""
    found = _read(undone)
    key, thing = next((key, thing) for key, thing in found.items() if key.kind is Kind.TABLE)
    facts = {"definition": "security invoker", "owner": "somebody", "comment": "planted"}
    other = replace(thing, facts={**thing.facts, **facts})
    (told,) = _told({**declared, key: other}, declared)
    assert "security invoker" in told
    assert "somebody" in told


@pytest.fixture
def triggered(undone: Connection) -> Catalogue:
    """What a database is in which a trigger stands, as if it were declared."""
    _execute(undone, TRIGGER)
    return _read(undone)


def _execute(connection: Connection, ddl: str) -> None:
    with connection.begin():
        connection.exec_driver_sql("set local role fairlead_owner")
        connection.exec_driver_sql(for_driver(ddl))


@pytest.mark.parametrize(
    ("ddl", "sentence"),
    [
        ("alter table queues disable trigger touched", "trigger touched on queues differs: it is disabled in the data"),
        ("drop trigger touched on queues", "trigger touched on queues is declared by the models and missing in"),
        (
            TOUCH.replace("create", "create or replace").replace("return new", "return null"),
            "its body is begin return",
        ),
        (
            "revoke execute on function touch() from public",
            "revoke of everything on function touch() from public is in",
        ),
        ("grant execute on function touch() to fairlead_app", "execute: grant on function touch() to fairlead_app"),
        ("alter function touch() security definer", "function touch() differs: its definition is CREATE OR REPLACE"),
    ],
)
def test_code_that_drifts_is_told(undone: Connection, triggered: Catalogue, ddl: str, sentence: str) -> None:
    """What happens to a declared function or trigger is found."""
    _execute(undone, ddl)
    told = _told(_read(undone), triggered)
    assert any(sentence in line for line in told), told


def test_all_that_differs_in_a_constraint_is_said() -> None:
    """That a key is switched off does not hide that it is another one, too."""
    key = Key(Kind.CONSTRAINT, "public", "orders", "orders_fkey")
    found = Thing(key, {"definition": "FOREIGN KEY (a)", "enforcement": "switched off"})
    sentence = Change(key, found, Thing(key, {"definition": "FOREIGN KEY (b)"})).sentence("the database")
    assert "FOREIGN KEY (a) in the database and FOREIGN KEY (b) in the models" in sentence
    assert "its enforcement is switched off" in sentence


def test_foreign_keys_that_are_switched_off(server_url: str, fresh_url: str, declared: Catalogue) -> None:
    """A foreign key whose triggers an administrator disabled is found: it is there and holds nothing."""
    with psycopg.connect(server_url, dbname=database_of(fresh_url)) as connection:
        connection.execute("alter table slots disable trigger all")
    sentence = "constraint slots_organization_id_fkey on slots differs: its enforcement is switched off in the database"
    with connected(fresh_url) as connection:
        assert any(sentence in line for line in _told(_read(connection), declared))


def test_an_index_whose_build_failed(fresh_url: str, declared: Catalogue) -> None:
    """An index that is there and not valid is a difference."""
    with psycopg.connect(fresh_url, autocommit=True) as connection, connected(fresh_url) as reading:
        connection.execute("set role fairlead_system")
        connection.execute(
            "insert into workers (id, host, process_id, version, queues, concurrency) "
            "select i::text, 'a', 1, '1', '{}', 1 from generate_series(1, 2) i"
        )
        connection.execute("set role fairlead_owner")
        connection.execute("create index workers_host_idx on workers (host)")
        with_index = _read(reading)
        connection.execute("drop index workers_host_idx")
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("create unique index concurrently workers_host_idx on workers (host)")
        found = _read(reading)
    told = _told(found, with_index)
    assert any("index workers_host_idx on workers differs" in line and "not valid" in line for line in told), told
    assert any(line.startswith("index workers_host_idx") for line in _told(found, declared))


def test_what_comes_with_a_table_is_told_with_it(undone: Connection, declared: Catalogue) -> None:
    """A table that is not declared is one sentence, whatever is in it; its columns are changes all the same."""
    _execute(undone, "create table extra (id int primary key, name text)")
    everything = changes(_read(undone), declared)
    assert [one.kind for one in telling(everything)] == [Kind.TABLE]
    assert {one.kind for one in everything} == {Kind.TABLE, Kind.COLUMN, Kind.CONSTRAINT}
    assert {(one.action, one.table) for one in everything} == {(Action.REMOVE, "extra")}


def test_what_throws_away_is_marked(undone: Connection, declared: Catalogue) -> None:
    """Losing a column, a table or a value of an enum is destructive; losing a policy or an index is not."""
    _execute(
        undone,
        "create table extra (id int); alter table users add age int; "
        "alter type queue_item_status add value 'snoozed'; create index on users (name)",
    )
    marked = {one.kind: one.destructive for one in telling(changes(_read(undone), declared))}
    assert marked == {Kind.TABLE: True, Kind.COLUMN: True, Kind.ENUM: True, Kind.INDEX: False}
