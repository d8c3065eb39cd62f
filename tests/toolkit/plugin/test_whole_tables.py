"""What the models of an ordinary application have in them can be generated: what builds it, and what takes it away."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import (
    CHAR,
    DDL,
    Boolean,
    CheckConstraint,
    Column,
    Enum,
    ForeignKey,
    Integer,
    MetaData,
    Numeric,
    String,
    Table,
    Text,
    UniqueConstraint,
    event,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, DOMAIN, ENUM

from fairlead.toolkit.decisions import Deciding
from fairlead.toolkit.generate import Wanted, generate, write
from fairlead.toolkit.hints import Hints
from fairlead.toolkit.reflection import Named
from fairlead.toolkit.target import Target


def _key(name: str = "id") -> Column[int]:
    return Column(name, Integer, primary_key=True)


def _domains(metadata: MetaData) -> None:
    code = DOMAIN("code", Text(), check="value ~ '^[A-Z]+$'", default="A", not_null=True)
    mood = ENUM("glad", "sad", name="mood", metadata=metadata)
    Table("carrier", metadata, _key(), Column("code", code), Column("codes", ARRAY(code)))
    Table(
        "driver", metadata, _key(), Column("code", code), Column("mood", DOMAIN("good", mood, check="value <> 'sad'"))
    )


def _checks(metadata: MetaData) -> None:
    columns = (Column("weight", Numeric()), Column("height", Numeric()))
    checks = ("weight >= 0", "weight > height", "height >= 0", "height < 1e6 or weight < 1e6", "1 > 0")
    Table("box", metadata, _key(), *columns, *map(CheckConstraint, checks), UniqueConstraint("weight"))
    Table("lid", metadata, _key(), Column("width", Numeric(), CheckConstraint("width > 0")), CheckConstraint("id > 0"))
    word = Enum("a", "b", native_enum=False, create_constraint=True)
    full = Boolean(create_constraint=True, name="really")
    Table("bag", metadata, _key(), Column("word", word), Column("full", full))


def _circles(metadata: MetaData) -> None:
    last = ForeignKey("trip.id", use_alter=True, name="truck_last_trip", ondelete="SET NULL")
    Table("truck", metadata, _key(), Column("last_trip", last), Column("lid", ForeignKey("lid.id", use_alter=True)))
    Table("trip", metadata, _key(), Column("truck", ForeignKey("truck.id")), Column("after", ForeignKey("trip.id")))
    for name, other in (("a", "b"), ("b", "c"), ("c", "a")):
        Table(
            name, metadata, _key(), Column("next", ForeignKey(f"{other}.id")), Column("own", ForeignKey(f"{name}.id"))
        )


def _long_names(metadata: MetaData) -> None:
    same = "a_name_of_a_table_and_of_a_column"
    for table, column in (("t" * 63, "id"), ("short", "c" * 63), (same, same), ("ä" * 30, "ö" * 29)):
        Table(table, metadata, _key(column))


_LISTS = (
    "create function f() returns trigger language plpgsql as ' begin return null; end '",
    "create function g(w varchar) returns boolean begin atomic; select w in ('a', 'b'); end",
    "alter table pet add column is_a boolean generated always as (word in ('a', 'b')) stored",
    "alter table pet add constraint pet_word check (word in ('a', 'it''s'))",
    "alter table pet add constraint pet_other check (code in ('a', 'b') and n in (1, 2) or word in ('a', code))",
    "create index pet_words on pet (id) where word not in ('a', 'b') and word in ('c', 'd')",
    "create view seen as select id from pet where word in ('a', 'b') or code in ('a', 'b')",
    "create policy own on pet using (word in ('a', 'b')) with check (lower(word) in ('a', 'b'))",
    "create trigger t before update on pet for each row when (old.word in ('a', 'b')) execute function f()",
)


def _lists_of_words(metadata: MetaData) -> None:
    word = Column("word", String(), CheckConstraint("word in ('x', 'y')"))
    pet = Table("pet", metadata, _key(), word, Column("code", CHAR(3)), Column("n", Numeric()))
    for statement in _LISTS:
        event.listen(pet, "after_create", DDL(statement))  # type: ignore[no-untyped-call]  # SQLAlchemy's gap


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where an application without a revision keeps them."""
    (tmp_path / "versions").mkdir()
    return tmp_path


def _generated(folder: Path, url: str, *states: MetaData) -> list[int]:
    """Return how many revisions lead to each of the states; `generate` insists that they lead there and back."""
    numbers = []
    for number, models in enumerate(states):
        target = Target("app", models, folder, "alembic_version")
        wanted = Wanted(f"State {number}", date(2026, 11, 26))
        drafts = generate(target, url, wanted=wanted, deciding=Deciding(Hints()))
        write(target, drafts)
        numbers.append(len(drafts))
    return numbers


def test_everything_at_once(workshop_url: str, folder: Path) -> None:
    """Domains, checks without a name, tables that refer to each other, long names and lists of words come and go."""
    models = MetaData()
    for declare in (_domains, _checks, _circles, _long_names, _lists_of_words):
        declare(models)
    assert _generated(folder, workshop_url, models, MetaData()) == [1, 1]


def _pet(*columns: Column[object]) -> MetaData:
    metadata = MetaData()
    for statement in ("create type spans as range (subtype = float8)", "create type place as (street text)"):
        event.listen(metadata, "before_create", DDL(statement))  # type: ignore[no-untyped-call]  # SQLAlchemy's gap
    Table("pet", metadata, _key(), *columns)
    return metadata


def test_columns_that_reflect_as_something_else(workshop_url: str, folder: Path) -> None:
    """A column of a type that SQLAlchemy cannot reflect, or whose domain or type says more, is added and dropped."""
    columns: list[Column[object]] = [
        Column("life", Named("spans")),
        Column("lives", Named("place[]"), nullable=False, server_default=text("'{}'")),
        Column("code", DOMAIN("code", Text(), check="value <> ''", default="b", not_null=True)),
        Column("word", Enum("a", "b", native_enum=False, create_constraint=True)),
    ]
    assert _generated(folder, workshop_url, _pet(), _pet(*columns), _pet()) == [1, 2, 1]
