from __future__ import annotations

import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import MetaData
from tests.fixtures.doctor import do, superuser_of
from tests.fixtures.pushes import rows

from fairlead.errors import OperatorError, TargetInvalid
from fairlead.toolkit.catalogue import read_catalogue
from fairlead.toolkit.change import changes
from fairlead.toolkit.decisions import Deciding
from fairlead.toolkit.difference import declared_catalogue
from fairlead.toolkit.environment import connected
from fairlead.toolkit.generate import Wanted, generate
from fairlead.toolkit.hints import Hints
from fairlead.toolkit.pull import Pulled, _metadata, place_of, pull
from fairlead.toolkit.target import Target

pytestmark = pytest.mark.usefixtures("workshop_url")
EVERYTHING = """
create schema shop;
create type shop.state as enum ('new', 'it''s old');
create domain shop.positive as integer check (value > 0);
create sequence shop.numbers start 7;
create function shop.twice(n integer) returns integer language sql immutable return n * 2;
create table shop.people (
    id bigint generated always as identity primary key,
    name text collate "C" not null default 'no % name',
    state shop.state not null default 'new',
    size shop.positive,
    number bigint default nextval('shop.numbers'),
    double integer generated always as (shop.twice(3)) stored,
    tags text[] not null default '{}',
    born timestamptz(3),
    constraint people_name_key unique (name),
    constraint people_tags check (cardinality(tags) < 10),
    exclude using btree (number with =)
);
comment on table shop.people is 'Who is there';
create table shop.pets (
    owner_id bigint not null references shop.people (id) on delete cascade deferrable initially deferred,
    name text not null,
    primary key (owner_id, name)
) with (fillfactor = 70);
create index people_lower on shop.people (lower(name)) where state = 'new';
create index people_down on shop.people (born desc nulls last) include (name);
create table shop.events (at timestamptz not null, what text) partition by range (at);
create table shop.events_old partition of shop.events for values from (minvalue) to ('2020-01-01');
create view shop.names as select name from shop.people where name like 'a%';
create materialized view shop.counts as select count(*) as n from shop.people;
create function shop.touch() returns trigger language plpgsql as $$ begin new.name = '%'; return new; end $$;
create trigger people_touch before update on shop.people for each row execute function shop.touch();
alter table shop.people enable row level security;
alter table shop.people force row level security;
create policy people_some on shop.people for select to fairlead_app using (name <> 'hidden');
grant select on shop.people to fairlead_app;
grant update (name) on shop.people to fairlead_system;
alter default privileges in schema shop grant select on tables to fairlead_app;
create table shop.no_key (a int, b int)
"""


def _pulled(url: str, *schemas: str, version_table: str = "alembic_version") -> tuple[Pulled, Target]:
    place = place_of(Path("/"), schemas=schemas, version_table=version_table)
    return pull(url, url, place), place


def _differing(url: str, pulled: Pulled, place: Target) -> list[str]:
    """What is between the database and one made of the models, a sentence each."""
    target = Target("pulled", _metadata(pulled.source), place.migrations, place.version_table, schemas=place.schemas)
    with connected(url) as connection:
        found = read_catalogue(connection, target)
    return [change.sentence("the database") for change in changes(found, declared_catalogue(target, url))]


def test_everything_there_is(empty_url: str) -> None:
    """Models of a database with a thing of each kind make that database again; nothing is left out."""
    do(empty_url, *EVERYTHING.split(";\n"))
    pulled, place = _pulled(empty_url, "shop")
    assert pulled.gaps == ()
    assert _differing(empty_url, pulled, place) == []


def test_our_own_schema(fresh_url: str) -> None:
    """Pulled from Fairlead's own database, every gap is named, and it is one: a condition PostgreSQL writes anew."""
    pulled, place = _pulled(fresh_url, version_table="fairlead_migrations")
    assert "fairlead_migrations" not in pulled.source
    assert len(pulled.gaps) == len(_differing(fresh_url, pulled, place))
    assert [gap.partition(" differs")[0] for gap in pulled.gaps] == [
        "constraint queue_items_attempts_check on queue_items"
    ]


def test_an_empty_database(empty_url: str) -> None:
    """A database with nothing in it gives a module with an empty metadata."""
    pulled, _ = _pulled(empty_url)
    assert pulled.gaps == ()
    assert isinstance(_metadata(pulled.source), MetaData)


def test_pulling_changes_nothing(empty_url: str) -> None:
    """Nothing is made in the database that is looked at, and no throw-away one is left."""
    do(empty_url, "create table notes (id int primary key)")
    _pulled(empty_url)
    assert rows(empty_url, "select count(*) from pg_class where relnamespace = 'public'::regnamespace") == [(2,)]


def test_what_a_superuser_owns(server_url: str, empty_url: str) -> None:
    """`check` tells that a superuser owns a thing; `pull` names it, and its models hand nothing to a superuser."""
    do(empty_url, "create table owned (id integer primary key)")
    place = place_of(Path("/"))
    with connected(empty_url) as connection:
        before = read_catalogue(connection, place)
    do(superuser_of(server_url, empty_url), "alter table owned owner to current_user")
    with connected(empty_url) as connection:
        (told,) = changes(read_catalogue(connection, place), before)
    assert set(told.facts) == {"owner"}
    pulled = pull(empty_url, empty_url, place)
    assert " owner to " not in pulled.source
    assert [gap for gap in pulled.gaps if "The owner of table owned is" in gap and "superuser" in gap]


def test_without_the_extra(empty_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where sqlacodegen is not installed it is said what to install."""
    monkeypatch.setitem(sys.modules, "sqlacodegen.generators", None)
    with pytest.raises(OperatorError, match=r"pip install 'fairlead\[toolkit\]'"):
        _pulled(empty_url)


def test_what_is_pulled_unless_it_is_said(tmp_path: Path) -> None:
    """Where an application says which schemas and which version table are its own, those are meant."""
    assert (place_of(tmp_path).schemas, place_of(tmp_path).version_table) == ((), "alembic_version")
    (tmp_path / "pyproject.toml").write_text(
        '[tool.fairlead.db]\nmetadata = "yet_to_come:metadata"\nmigrations = "none"\nschemas = "shop"\n'
        'version_table = "revisions"\nversion_schema = "notes"\n'
    )
    place = place_of(tmp_path)
    assert (place.schemas, place.version_table, place.version_schema) == (("shop",), "revisions", "notes")
    said = place_of(tmp_path, schemas=("public",), version_table="others")
    assert (said.schemas, said.version_table) == (("public",), "others")


KINDS = """
create schema shop;
create domain grade as integer check (value between 1 and 6);
create domain share as integer default 5 check (value > 0) not null;
create type "mo'od" as enum ('it''s', 'so');
create type "1st" as enum ('one');
create type place as (street text, number integer);
create type spans as range (subtype = timestamptz);
create table nodes (id integer primary key, u integer, parent integer, constraint u_key unique nulls not distinct (u));
create table shop.leaves (id integer primary key references nodes (id), node integer references nodes (id));
create index nodes_half on nodes ((u / 2));
create table kinds (
    id integer generated by default as identity primary key, at point, around circle, x xml, where_ place, life spans,
    lsn pg_lsn, path jsonpath, mark grade not null default 1, marks grade[], bits bit varying(5),
    part share, "mo'od" "mo'od", ones "1st"[], gone interval day to second(3), word "char",
    flag integer check (flag in (0, 1))
);
create sequence tens increment by 10 start with 100;
create table tickets (id bigint primary key default nextval('tens'), other bigint default nextval('tens'));
alter sequence tens owned by tickets.id;
create table logs (at integer not null, line text) partition by range (at);
create table logs_old partition of logs for values from (0) to (9);
alter table logs_old alter column line set default 'old';
create table parents (a text primary key, n integer check (n > 0));
create table children (b integer) inherits (parents)
"""


def test_what_sqlalchemy_has_no_word_for(empty_url: str, tmp_path: Path) -> None:
    """Types that SQLAlchemy does not know, keys that count by no sequence, parents and two schemas at once come back.

    And a revision of the models builds that schema.
    """
    do(empty_url, *KINDS.split(";\n"))
    pulled, place = _pulled(empty_url, "public", "shop")
    assert pulled.gaps == ()
    assert _differing(empty_url, pulled, place) == []
    assert "= mapped_column(Named('point'))" in pulled.source
    (tmp_path / "versions").mkdir()
    target = replace(place, name="pulled", metadata=_metadata(pulled.source), migrations=tmp_path)
    assert generate(target, empty_url, wanted=Wanted("first", date(2026, 1, 1)), deciding=Deciding(Hints())) != []


def test_nothing_but_tables_without_a_key(empty_url: str) -> None:
    """A database in which no table has a key is one of tables without classes."""
    do(empty_url, "create table logs (at integer not null) partition by range (at)")
    pulled, place = _pulled(empty_url)
    assert "Table(" in pulled.source
    assert _differing(empty_url, pulled, place) == []


def test_a_schema_that_is_not_there(empty_url: str) -> None:
    """A schema that the database does not have is a mistake, and not an application without tables."""
    with pytest.raises(TargetInvalid, match="has no schema nope"):
        _pulled(empty_url, "public", "nope")
