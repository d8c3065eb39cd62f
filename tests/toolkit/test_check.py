from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import Column, Integer, MetaData, Table, Text
from tests.fixtures.revisions import Shop, shop
from tests.fixtures.targets import target_of

from fairlead.db import migrate
from fairlead.db.migrating import run
from fairlead.errors import OperatorError
from fairlead.toolkit import check as checking
from fairlead.toolkit.check import check, check_database
from fairlead.toolkit.rendering import rendered_files
from fairlead.toolkit.target import Target, own

__all__ = ["shop"]

Write: TypeAlias = Callable[..., None]
_MODULE = """
from alembic import op

revision = "{name}"
down_revision = {after!r}
{further}

def upgrade():
    op.execute({up!r})

def downgrade():
    op.execute({down!r})
"""


@pytest.fixture
def target(tmp_path: Path) -> Target:
    """A target whose models are one table, and that has no revision yet."""
    (tmp_path / "versions").mkdir()
    (tmp_path / "env.py").touch()
    metadata = MetaData()
    Table("orders", metadata, Column("id", Integer, primary_key=True, autoincrement=False), Column("note", Text))
    return Target("shop", metadata, tmp_path, "alembic_version")


@pytest.fixture
def write(target: Target) -> Write:
    """Write a revision."""

    def written(name: str, *, up: str, down: str, after: str | None = None, further: str = "") -> None:
        text = _MODULE.format(name=name, up=up, down=down, after=after, further=further)
        (target.migrations / "versions" / f"{name}.py").write_text(text)

    return written


_FIRST = {"up": "create table orders (id integer primary key)", "down": "drop table orders"}
_SECOND = {"up": "alter table orders add note text", "down": "alter table orders drop note"}


def _sentences(target: Target, workshop_url: str) -> list[tuple[str, str]]:
    return [(finding.code, finding.sentence) for finding in check(target, workshop_url)]


def test_fairlead_agrees_with_itself(workshop_url: str) -> None:
    """Fairlead's models, migrations, their way down and their rendered SQL agree."""
    assert check(own(), workshop_url) == []


def test_an_application_that_agrees(target: Target, write: Write, workshop_url: str) -> None:
    """Two revisions that make what the models declare, and can be taken back, are clean."""
    write("first", **_FIRST)
    write("second", after="first", **_SECOND)
    assert check(target, workshop_url) == []


def test_models_that_no_migration_makes(target: Target, write: Write, workshop_url: str) -> None:
    """What the models declare and no migration makes is named."""
    write("first", **_FIRST)
    sentence = "column orders.note is declared by the models and missing in the migrations"
    assert _sentences(target, workshop_url) == [("models", sentence)]


def test_two_heads(target: Target, write: Write, workshop_url: str) -> None:
    """Two revisions after the same one are told with both names."""
    write("first", **_FIRST)
    write("second", after="first", **_SECOND)
    write("third", after="first", **_SECOND)
    assert _sentences(target, workshop_url) == [
        ("heads", "there are 2 heads (second, third): let one follow the other")
    ]


def test_a_file_that_names_nobody(target: Target, write: Write, workshop_url: str) -> None:
    """A revision after one that does not exist is told with the name that is missing."""
    write("second", after="nobody", **_SECOND)
    [(code, sentence)] = _sentences(target, workshop_url)
    assert code == "revisions"
    assert "nobody" in sentence


def test_a_migration_that_fails(target: Target, write: Write, workshop_url: str) -> None:
    """A revision that cannot be applied is named with what the database said."""
    write("first", up="create table orders (id nonsense)", down="select 1")
    [(code, sentence)] = _sentences(target, workshop_url)
    assert code == "upgrade"
    assert 'type "nonsense" does not exist' in sentence


def test_a_way_down_that_leaves_something(target: Target, write: Write, workshop_url: str) -> None:
    """A downgrade that does not lead to what was before is named with what is left."""
    write("first", **_FIRST)
    write("second", after="first", up=_SECOND["up"], down="comment on table orders is 'here'")
    told = _sentences(target, workshop_url)
    assert {code for code, _ in told} == {"downgrade"}
    left = "taking second back does not undo it: column orders.note is in what is left and not in the schema before"
    assert left in [sentence for _, sentence in told]
    assert any("its comment is here in what is left and not set in the schema before" in line for _, line in told)


def test_a_way_down_that_fails(target: Target, write: Write, workshop_url: str) -> None:
    """A downgrade that fails is named with what the database said."""
    write("first", **_FIRST)
    write("second", after="first", up=_SECOND["up"], down="drop table absent")
    [(code, sentence)] = _sentences(target, workshop_url)
    assert code == "downgrade"
    assert 'table "absent" does not exist' in sentence


def test_a_revision_that_says_it_stays(target: Target, write: Write, workshop_url: str) -> None:
    """A revision that says why it cannot be taken back ends the way down without a finding."""
    write("first", **_FIRST)
    write("second", after="first", up=_SECOND["up"], down="drop table absent", further='irreversible = "as a test"')
    assert check(target, workshop_url) == []


def test_rendered_sql_that_is_stale(target: Target, write: Write, workshop_url: str) -> None:
    """A file of rendered SQL that is not what its revision sends is named; one that is not there is not missed."""
    write("first", **_FIRST)
    write("second", after="first", **_SECOND)
    files = rendered_files(target, "second")
    for path, text in files.items():
        path.write_text(text)
    assert check(target, workshop_url) == []
    stale = next(iter(files))
    stale.write_text("alter table orders add note varchar;\n")
    [finding] = check(target, workshop_url)
    assert (finding.code, finding.subject) == ("rendered", stale.name)


def test_a_database_that_agrees_and_one_that_drifted(fresh_url: str, workshop_url: str) -> None:
    """A database as the models declare it is clean; a drift of it is named, with the table."""
    assert check_database(own(), fresh_url, server_url=workshop_url) == []
    with psycopg.connect(fresh_url) as connection:
        connection.execute("set role fairlead_owner")
        connection.execute("alter table users no force row level security")
    [finding] = check_database(own(), fresh_url, server_url=workshop_url)
    assert (finding.code, finding.subject) == ("drift", "users")
    assert "its forced row-level security is off in the database and on in the models" in finding.sentence


def test_a_database_whose_search_path_leads_elsewhere(fresh_url: str, workshop_url: str) -> None:
    """Where the version table is found does not depend on what the search path of the database is set to."""
    with psycopg.connect(fresh_url) as connection:
        name = sql.Identifier(connection.info.dbname)
        connection.execute(sql.SQL("alter database {} set search_path = elsewhere").format(name))
    assert check_database(own(), fresh_url, server_url=workshop_url) == []


def test_a_database_that_is_behind(empty_url: str, workshop_url: str) -> None:
    """A database that lacks migrations is told so, and held against those it has."""
    migrate.migrate(empty_url)
    migrate.downgrade(empty_url, "20261124_engine")
    assert {finding.code for finding in check_database(own(), empty_url, server_url=workshop_url)} == {"pending"}
    with psycopg.connect(empty_url) as connection:
        connection.execute("set role fairlead_owner")
        connection.execute("drop policy users_tenant on users")
    *_, last = check_database(own(), empty_url, server_url=workshop_url)
    sentence = "policy users_tenant on users is in the migrations up to 20261124_engine and missing in the database"
    assert (last.code, last.sentence) == ("drift", sentence)


def test_a_revision_of_no_file(fresh_url: str, workshop_url: str) -> None:
    """A database at a revision that no file has is told so."""
    with psycopg.connect(fresh_url) as connection:
        connection.execute("update fairlead_migrations set version_num = 'elsewhere'")
    [finding] = check_database(own(), fresh_url, server_url=workshop_url)
    assert (finding.code, finding.subject) == ("unknown", "elsewhere")


def test_a_file_that_changed(empty_url: str, workshop_url: str, shop: Shop) -> None:
    """A revision whose file is another one than was applied is named, though the schema is as it was."""
    path = shop.revision("one", "select 1")
    run.upgrade(empty_url, shop.migrations)
    assert check_database(target_of(shop), empty_url, server_url=workshop_url) == []
    path.write_text(path.read_text().replace("select 1", "select 2"))
    [finding] = check_database(target_of(shop), empty_url, server_url=workshop_url)
    assert (finding.code, finding.subject) == ("changed", "one")


def test_servers_of_two_versions(fresh_url: str, workshop_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server of another major version is refused, since it writes expressions in another way."""
    versions = iter([15, 18])
    monkeypatch.setattr(checking, "_major", lambda _connection: next(versions))
    with pytest.raises(OperatorError, match=r"PostgreSQL 15.*databases 18.*FAIRLEAD_SHADOW_URL"):
        check_database(own(), fresh_url, server_url=workshop_url)
