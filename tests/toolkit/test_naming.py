"""Names that have to be quoted, of tables, columns, types, policies: quotes, apostrophes, spaces, per cent signs."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import (
    DDL,
    UUID,
    BigInteger,
    CheckConstraint,
    Column,
    Enum,
    ForeignKey,
    Integer,
    MetaData,
    Table,
    Text,
    event,
    text,
)
from tests.fixtures.doctor import do
from tests.fixtures.pushes import NAMING, planned, pushed, rows

from fairlead.errors import DecisionNeeded
from fairlead.toolkit.check import check
from fairlead.toolkit.decisions import Deciding
from fairlead.toolkit.generate import Wanted, generate, write
from fairlead.toolkit.hints import Hints, read_hints
from fairlead.toolkit.naming import path_of, quoted
from fairlead.toolkit.shadow import scratch
from fairlead.toolkit.target import Target

NAMES = ("Pet's", 'say "hi"', "per%cent of it", "a.b=c")


def _first() -> MetaData:
    metadata = MetaData(naming_convention=NAMING)
    for name in NAMES:
        Table(
            name,
            metadata,
            Column("id", BigInteger, primary_key=True),
            Column("na me", Text, nullable=False),
            Column("o'k", Text),
        )
    return metadata


def _second() -> MetaData:
    metadata = MetaData(naming_convention=NAMING)
    for name in NAMES:
        identity = Column("id", BigInteger, primary_key=True)
        table = Table(
            name,
            metadata,
            identity,
            Column("the name", Text, nullable=False, unique=True),
            Column("o'k", Text, nullable=False, index=True),
            Column("x.y", Text, comment="a\ttab"),
            Column('q"', Integer, CheckConstraint('"q""" > 0', name='q"')),
            Column("parent's", BigInteger, ForeignKey(identity)),
            Column("token", UUID, server_default=text("gen_random_uuid()"), nullable=False),
            Column("kind", Enum("a'b", 'c"d', name=f"{name} kind"), server_default=text("'a''b'")),
            comment="it's\there WHERE\n\ta line ends",
        )
        _also(table, "create policy \"own's\" on {} using (\"the name\" = 'it''s USING (x)')")
        _also(table, "grant select on {} to public")
        _also(table, 'grant update ("o\'k", "x.y") on {} to public')
    return metadata


def _also(table: Table, statement: str) -> None:
    event.listen(table, "after_create", DDL(statement.format(quoted(table.name)).replace("%", "%%")))  # type: ignore[no-untyped-call]  # SQLAlchemy's gap


def _generated(folder: Path, metadata: MetaData, url: str, hints: Hints) -> Target:
    target = Target("odd", metadata, folder, "alembic_version")
    day = date(2026, 11, 26)
    write(target, generate(target, url, wanted=Wanted("Odd names", day), deciding=Deciding(hints)))
    return target


def test_odd_names_are_generated_and_applied(tmp_path: Path, server_url: str) -> None:
    """Every kind of change works on them, and what is to be passed is written as a shell takes it."""
    (tmp_path / "versions").mkdir()
    (tmp_path / "env.py").touch()
    _generated(tmp_path, _first(), server_url, Hints())
    with pytest.raises(DecisionNeeded) as raised:
        _generated(tmp_path, _second(), server_url, Hints())
    assert raised.value.choices["Pet's.na me"][0] == ("--rename", "Pet's.na me=Pet's.the name")
    assert """--allow-drop 'Pet'"'"'s.na me'""" in raised.value.details["Pet's.na me"]
    hints = Hints(
        {path_of(name, "na me"): "the name" for name in NAMES},
        backfills={path_of(name, "o'k"): "'x'" for name in NAMES},
    )
    target = _generated(tmp_path, _second(), server_url, hints)
    assert check(target, server_url) == []


@pytest.mark.usefixtures("workbench")
def test_odd_names_are_pushed(server_url: str) -> None:
    """A push makes them and changes them, too."""
    with scratch(server_url) as url:
        pushed(url, _first())
        pushed(url, _second(), renames={path_of(name, "na me"): "the name" for name in NAMES})
        assert planned(url, _second()).statements == ()


@pytest.mark.usefixtures("workbench")
def test_what_rows_get_in_a_column_with_a_dot(server_url: str) -> None:
    """Where rows are there the column is asked about by its name in quotes, and so it is answered."""
    with scratch(server_url) as url:
        pushed(url, _first())
        do(url, """insert into "a.b=c" values (1, 'a', 'b')""")
        wanted = _first()
        wanted.tables["a.b=c"].append_column(Column("x.y", Text, nullable=False))
        with pytest.raises(DecisionNeeded) as raised:
            pushed(url, wanted)
        assert raised.value.choices == {'"a.b=c"."x.y"': [("--backfill", '"a.b=c"."x.y"=<SQL expression>')]}
        hints = read_hints(None, renames=[], drops=[], backfills=["""  "a.b=c"."x.y" = 'x.y=z' """])
        pushed(url, wanted, backfills=hints.backfills)
        assert rows(url, 'select "x.y" from "a.b=c"') == [("x.y=z",)]
