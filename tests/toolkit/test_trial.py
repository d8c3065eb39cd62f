"""What comes of a change that PostgreSQL would refuse one way: the order that it takes, or a word about it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import CheckConstraint, Column, Enum, Index, Integer, MetaData, Table, Text, text

from fairlead.errors import MigrationFailed
from fairlead.toolkit.check import check
from fairlead.toolkit.decisions import Deciding
from fairlead.toolkit.environment import connected, downgrade, upgrade
from fairlead.toolkit.generate import Wanted, generate, write
from fairlead.toolkit.hints import Hints
from fairlead.toolkit.revision_file import Draft
from fairlead.toolkit.shadow import scratch
from fairlead.toolkit.target import Target

_REASON = 'cannot alter column "state" because it is part of the partition key of relation "trip"'


def _trips(folder: Path, *states: str) -> Target:
    """Return an application whose trips are in a partition for each state, so that none of them can be taken away."""
    metadata = MetaData()
    state: Column[str] = Column("state", Enum(*states, name="state"), primary_key=True)
    Table("trip", metadata, Column("id", Integer, primary_key=True), state, postgresql_partition_by="LIST (state)")
    return Target("trips", metadata, folder, "alembic_version")


def _doors(folder: Path, kind: Enum | Text) -> Target:
    """Return an application with a check and an index that name a value."""
    metadata = MetaData()
    door = Table(
        "door", metadata, Column("id", Integer, primary_key=True), Column("state", kind, server_default="shut")
    )
    door.append_constraint(CheckConstraint("state <> 'open' or id > 1", name="door_first"))
    Index("door_shut", door.c.id, unique=True, postgresql_where=text("state = 'shut'"))
    return Target("doors", metadata, folder, "alembic_version")


def _generated(target: Target, url: str, message: str) -> list[Draft]:
    drafts = generate(target, url, wanted=Wanted(message, date(2026, 11, 26)), deciding=Deciding(Hints()))
    write(target, drafts)
    return drafts


def test_no_way_back(workshop_url: str, tmp_path: Path) -> None:
    """The way there is written; the downgrade refuses with PostgreSQL's reason, which `check` takes for an answer."""
    (tmp_path / "versions").mkdir()
    _generated(_trips(tmp_path, "new", "done"), workshop_url, "First")
    target = _trips(tmp_path, "new", "under way", "done")
    [draft] = _generated(target, workshop_url, "Second")
    assert (draft.up.alone, draft.irreversible) == (
        ("alter type state add value if not exists 'under way' after 'new'",),
        _REASON,
    )
    assert draft.warnings[-1].startswith(f"There is no way back from this: {_REASON}.")
    assert check(target, workshop_url) == []
    with scratch(workshop_url) as url, connected(url) as connection:
        upgrade(target, connection)
        with pytest.raises(MigrationFailed, match="because it is part of the partition key"):
            downgrade(target, connection, "20261126_first")


def test_what_casts_to_a_type_that_goes(workshop_url: str, tmp_path: Path) -> None:
    """A check and an index that name a value of an enum are off while it becomes text, and come back."""
    (tmp_path / "versions").mkdir()
    _generated(_doors(tmp_path, Enum("open", "shut", name="state")), workshop_url, "First")
    drafts = _generated(_doors(tmp_path, Text()), workshop_url, "Second")
    assert [draft.irreversible for draft in drafts] == ["", ""]
