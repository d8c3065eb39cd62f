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
from tests.fixtures.pushes import NAMING, planned, pushed

from fairlead.errors import DecisionNeeded
from fairlead.toolkit.check import check
from fairlead.toolkit.decisions import Deciding
from fairlead.toolkit.generate import Wanted, generate, write
from fairlead.toolkit.hints import Hints
from fairlead.toolkit.naming import quoted
from fairlead.toolkit.shadow import scratch
from fairlead.toolkit.target import Target

NAMES = ("Pet's", 'say "hi"', "per%cent of it")


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
        table = Table(
            name,
            metadata,
            Column("id", BigInteger, primary_key=True),
            Column("the name", Text, nullable=False, unique=True),
            Column("o'k", Text, nullable=False, index=True),
            Column('q"', Integer, CheckConstraint('"q""" > 0', name='q"')),
            Column("parent's", BigInteger, ForeignKey(f"{name}.id")),
            Column("token", UUID, server_default=text("gen_random_uuid()"), nullable=False),
            Column("kind", Enum("a'b", 'c"d', name=f"{name} kind"), server_default=text("'a''b'")),
            comment="it's here WHERE\n  a line ends",
        )
        _also(table, "create policy \"own's\" on {} using (\"the name\" = 'it''s USING (x)')")
        _also(table, "grant select on {} to public")
        _also(table, 'grant update ("o\'k") on {} to public')
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
    hints = Hints({f"{name}.na me": "the name" for name in NAMES}, backfills={f"{name}.o'k": "'x'" for name in NAMES})
    target = _generated(tmp_path, _second(), server_url, hints)
    assert check(target, server_url) == []


def test_odd_names_are_pushed(server_url: str) -> None:
    """A push makes them and changes them, too."""
    with scratch(server_url) as url:
        pushed(url, _first())
        pushed(url, _second(), renames={f"{name}.na me": "the name" for name in NAMES})
        assert planned(url, _second()).statements == ()
