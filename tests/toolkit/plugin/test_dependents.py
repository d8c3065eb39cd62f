"""What is built on a column or a view that changes is taken off and put back, on the way there and on the way back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import (
    DDL,
    BigInteger,
    Column,
    Connection,
    Identity,
    Integer,
    MetaData,
    Sequence,
    Table,
    Text,
    event,
    text,
)
from sqlalchemy.types import TypeEngine
from tests.fixtures.walks import walk

from fairlead.toolkit.one_transaction import one_transaction
from fairlead.toolkit.shadow import scratch

pytestmark = pytest.mark.usefixtures("workbench")


def _pets(
    *built: str, grams: TypeEngine[Any] | None = None, name: TypeEngine[Any] | None = None, first: str = ""
) -> MetaData:
    """Return a table of pets, with statements that run after it is made."""
    metadata = MetaData()
    pet = Table(
        "pet",
        metadata,
        Column("id", BigInteger, primary_key=True, autoincrement=False),
        Column("grams", grams or Integer()),
        Column("name", name or Text()),
    )
    if first:
        event.listen(metadata, "before_create", DDL(first))  # type: ignore[no-untyped-call]  # SQLAlchemy's gap
    for statement in built:
        event.listen(pet, "after_create", DDL(statement))  # type: ignore[no-untyped-call]  # same
    return metadata


@pytest.fixture(scope="module")
def pets_url(workshop_url: str) -> Iterator[str]:
    """An empty database."""
    with scratch(workshop_url) as url:
        yield url


@pytest.fixture
def pets(pets_url: str) -> Iterator[Connection]:
    """A connection to it, on which everything is one transaction."""
    with one_transaction(pets_url) as (connection, _):
        yield connection


def _walk(connection: Connection, was: MetaData, now: MetaData, *, casts: dict[str, str] | None = None) -> list[str]:
    """Lead a database from one state to another and back; return what is said of it."""
    several = was.tables and len(was.tables["pet"].columns) > 1
    row = "insert into pet (id, grams) values (1, 5)" if several else "insert into pet default values"
    return walk(connection, was, now, rows=row if was.tables else "select 1", casts=casts).said


_BUILT = {
    "a view": ["create view heavy as select id, grams from pet where grams > 9"],
    "views on views, whose names are in another order": [
        "create view b as select grams from pet",
        "create view c as select grams + 1 as more from b",
        "create view a as select more from c",
    ],
    "a view with rights, comments, a default and a trigger": [
        "create view heavy with (security_barrier = true) as select id, grams from pet",
        "comment on view heavy is 'it''s heavy'",
        "comment on column heavy.grams is 'not :kilos %%'",
        "alter view heavy alter column id set default 7",
        "grant select on heavy to public",
        "grant update (grams) on heavy to public",
        "create function no() returns trigger language plpgsql as $$ begin return null; end $$",
        "create trigger none instead of update on heavy for each row execute function no()",
        "create rule nothing as on delete to heavy do instead nothing",
        "grant create on schema public to fairlead_owner",
        "alter view heavy owner to fairlead_owner",
    ],
    "a materialized view with an index": [
        "create materialized view weights as select grams, count(*) as n from pet group by grams",
        "create unique index weights_grams on weights (grams)",
        "grant select on weights to public",
        "create view over as select n from weights",
    ],
    "a generated column with all that can be on it": [
        "alter table pet add column kilos numeric generated always as (grams / 1000.0) stored not null",
        "alter table pet add constraint pet_some check (kilos >= 0), add constraint pet_one unique (kilos)",
        "create index pet_kilos on pet (kilos) where kilos > 1",
        "create statistics pet_both (dependencies) on kilos, id from pet",
        "comment on column pet.kilos is 'of grams'",
        "grant select (kilos) on pet to public",
        "create table meal (kilos numeric references pet (kilos))",
        "create view kilos as select kilos from pet",
    ],
    "a policy": [
        "alter table pet enable row level security",
        "create policy light on pet as restrictive for update to public using (grams < 9) with check (grams < 8)",
        "comment on policy light on pet is 'so'",
    ],
    "triggers": [
        "create function no() returns trigger language plpgsql as $$ begin return null; end $$",
        "create trigger weighed before update of grams on pet for each row execute function no()",
        "create trigger grown before update on pet for each row when (old.grams < new.grams) execute function no()",
        "alter table pet disable trigger grown",
    ],
    "a rule": ["create rule light as on update to pet where new.grams < 0 do instead nothing"],
    "a function with a body of SQL": [
        "create function total() returns numeric language sql begin atomic select sum(grams) from pet; end",
        "grant execute on function total() to fairlead_app",
        "revoke execute on function total() from public",
        "create view totals as select total() as total",
    ],
    "a publication's rows": ["create publication feed for table pet where (grams > 1 and id > 0)"],
    "an index of an expression and a check": [
        "create index pet_heavy on pet ((grams + 1)) where grams > 0",
        "alter table pet add constraint pet_some check (grams > 0)",
        "create statistics pet_both on grams, id from pet",
    ],
}


@pytest.mark.parametrize("built", _BUILT.values(), ids=_BUILT)
def test_a_column_gets_another_type(pets: Connection, built: list[str]) -> None:
    """Whatever uses a column is there again, as it was, when the column has another type, and when it has not."""
    _walk(pets, _pets(*built), _pets(*built, grams=BigInteger()))


def test_it_is_said_that_they_are_put_back(pets: Connection) -> None:
    """What is only taken off and put back is said to be, in a line of its own."""
    [view] = _BUILT["a view"]
    said = _walk(pets, _pets(view), _pets(view, grams=BigInteger()))
    assert said == ["alter column pet.grams: type bigint", "put back view heavy"]


def test_a_conversion_that_is_given(pets: Connection) -> None:
    """So it is where the type needs a conversion, which is asked for."""
    [view] = _BUILT["a view"]
    cast = {"pet.name": "length(name)"}
    named = "create view named as select name from pet"
    _walk(pets, _pets(view, named), _pets(view, named, name=Integer()), casts=cast)


def test_a_domain(pets: Connection) -> None:
    """So it is where the type is a domain, and what a policy says is written otherwise then."""
    word = "create domain word as text check (value ~ 'a')"
    policy = "create policy own on pet using (name = current_setting('app.name', true))"
    retyped = "alter table pet alter column name type word"
    _walk(pets, _pets(policy, first=word), _pets(retyped, policy, first=word))


_VIEW, _ON_IT = "create view seen as select id, name from pet", "create view over as select id from seen"
_RIGHTS = "grant select on seen to public"


@pytest.mark.parametrize(
    "changed",
    [
        "create view seen as select id, name, grams from pet",
        "create view seen as select grams, id, name from pet",
        "create view seen as select id, name as called from pet",
        "create view seen as select id from pet",
        "create materialized view seen as select id, name from pet",
    ],
)
def test_a_view_gets_other_columns(pets: Connection, changed: str) -> None:
    """A view gets a column, loses one, has them in another order or by another name; what is on it stays."""
    _walk(pets, _pets(_VIEW, _ON_IT, _RIGHTS), _pets(changed, _ON_IT, _RIGHTS))


def test_a_function_of_a_new_tables_rows(pets: Connection) -> None:
    """A function that takes rows of a table is made after it, and a view of that after the function."""
    function = "create function heavy(p pet) returns boolean language sql immutable as $$ select p.grams > 9 $$"
    _walk(pets, MetaData(), _pets(function, "create view a as select p.id from pet p where heavy(p)"))


def _visits(*arguments: Any, kind: type[TypeEngine[Any]] = BigInteger, default: str | None = None) -> MetaData:
    metadata = MetaData()
    server_default = text(default) if default else None
    Table("pet", metadata, Column("id", kind(), *arguments, primary_key=True, server_default=server_default))
    return metadata


_SEQUENCE = "nextval('pet_seq')"


@pytest.mark.parametrize("kinds", [(BigInteger, Integer), (Integer, BigInteger)])
def test_an_identity_gets_another_type(pets: Connection, kinds: tuple[type[TypeEngine[Any]], ...]) -> None:
    """An identity gets a wider or a narrower type, and its sequence with it, there and back."""
    _walk(pets, *(_visits(Identity(), kind=kind) for kind in kinds))


def test_an_identity_becomes_a_serial(pets: Connection) -> None:
    """An identity that becomes a serial goes on where it was, both ways, and its sequence keeps its name."""
    _walk(pets, _visits(Identity(start=7)), _visits())
    with pets.begin():
        assert pets.exec_driver_sql("insert into pet default values returning id").scalar_one() == 8
        assert pets.exec_driver_sql("select pg_get_serial_sequence('pet', 'id')").scalar_one() == "public.pet_id_seq"


def test_a_sequence_becomes_an_identity(pets: Connection) -> None:
    """A default that calls a sequence becomes an identity and is one again; the numbers go on where they were."""
    before = _visits(Sequence("pet_seq", start=100, increment=10), default=_SEQUENCE)
    _walk(pets, before, _visits(Identity(start=5)))
    with pets.begin():
        assert pets.exec_driver_sql("insert into pet default values returning id").scalar_one() == 110


_ON_MOODS = {
    "an exclusion": [
        "alter table pet add exclude using gist (int4range(grams, id::int) with &&) where (mood <> 'sad')"
    ],
    "a generated column": [
        "alter table pet add column glad boolean generated always as (mood = 'glad') stored",
        "create index pet_glad on pet (glad)",
        "create view seen as select glad from pet",
    ],
    "a function": [
        "create function g(m mood default 'glad') returns mood language sql immutable as $$ select m $$",
        "comment on function g(mood) is 'same'",
        "revoke execute on function g(mood) from public",
        "create view seen as select g(mood) as g from pet",
        "alter table pet add column more mood default g(), add column word text default g()::text",
    ],
    "a function with a standard body": [
        "create function g() returns bigint begin atomic; select count(*) from pet where mood = 'glad'; end",
        "create view seen as select g()",
    ],
    "a domain": [
        "create domain good as mood default 'glad' check (value <> 'sad')",
        "alter table pet add column good good, add column goods good[], add check (good::mood <> 'sad')",
        "grant usage on domain good to fairlead_owner",
    ],
    "a composite": ["create type state as (mood mood, since date)", "alter table pet add column state state"],
    "a rule and a trigger on a view": [
        "create view seen as select id, mood from pet",
        "create function no() returns trigger language plpgsql as $$ begin return null; end $$",
        "create trigger none instead of update on seen for each row execute function no()",
        "create rule nothing as on delete to seen do instead nothing",
        "grant select on seen to public",
    ],
    "expressions": [
        "create index pet_both on pet (grams) where mood = other",
        "create index pet_sad on pet ((mood = 'sad'))",
        "create index pet_mood on pet (mood)",
        "create statistics pet_moods (dependencies) on mood, grams from pet",
        "alter table pet add check (mood <> other), add unique (mood)",
        "create policy own on pet using (mood in ('sad', 'glad'))",
    ],
    "a key to it": ["alter table pet add unique (mood), add foreign key (other) references pet (mood)"],
    "a partitioned table": [
        "create table part (id int, mood mood default 'sad') partition by range (id)",
        "create table part_1 partition of part for values from (0) to (9)",
        "alter table part_1 alter column mood set default 'glad'",
        "create index on part_1 (id) where mood = 'sad'",
    ],
}


def _moods(values: str, *built: str) -> MetaData:
    columns = "alter table pet add column mood mood default 'sad', add column other mood"
    return _pets(columns, *built, first=f"create type mood as enum ({values})")


@pytest.mark.parametrize("built", _ON_MOODS.values(), ids=_ON_MOODS)
def test_a_value_is_added(pets: Connection, built: list[str]) -> None:
    """A value is added to an enum whatever stands on it; on the way back that is taken off and put back."""
    said = _walk(pets, _moods("'sad', 'glad'", *built), _moods("'sad', 'so', 'glad'", *built))
    assert said == ["alter enum mood: values sad, so, glad"]


def test_what_stands_on_it_changes_too(pets: Connection) -> None:
    """So it is where what stands on the enum goes, comes or is another at the same time."""
    was = [
        "create function f(m mood) returns mood language sql immutable as $$ select m $$",
        "create view seen as select f(mood) as f from pet",
        "alter table pet add constraint apart exclude using gist (int4range(1, grams) with &&) where (mood <> 'sad')",
    ]
    now = [
        "create function f(m mood) returns mood language sql immutable as $$ select coalesce(m, 'sad') $$",
        "create function g(m mood) returns mood language sql immutable as $$ select m $$",
        "create view seen as select g(mood) as g, id from pet where mood <> 'sad'",
        "alter table pet add constraint apart exclude using gist (int4range(1, grams) with &&) where (mood <> 'glad')",
    ]
    _walk(pets, _moods("'sad', 'glad'", *was), _moods("'sad', 'so', 'glad'", *now))


def test_an_enum_becomes_text(pets: Connection) -> None:
    """So it is where a column is text instead, in which an exclusion is written otherwise."""
    apart = "alter table pet add exclude using gist (int4range(grams, id::int) with &&) where ({} <> 'sad')"
    was = _moods("'sad', 'glad'", apart.format("mood"))
    built = ("alter table pet add column mood text default 'sad', add column other text", apart.format("mood"))
    _walk(pets, was, _pets(*built))


def test_a_domain_gets_another_base(pets: Connection) -> None:
    """The base of a domain in use is another, whatever stands on the domain."""
    built = [
        "alter table pet add column code code default 'a', add column codes code[], add unique (code)",
        "create function f(c code) returns code language sql immutable as $$ select c $$",
        "create view seen as select id, f(code) as code from pet where code in ('a', 'b')",
        "create index pet_code on pet (id) where code = 'a'",
    ]
    code = "create domain code as {} check (value <> 'x')"
    _walk(pets, _pets(*built, first=code.format("varchar(4)")), _pets(*built, first=code.format("varchar(6)")))
