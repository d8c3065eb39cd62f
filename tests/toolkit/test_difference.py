from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from alembic.autogenerate import render_python_code
from alembic.operations.ops import MigrateOperation, UpgradeOps
from sqlalchemy import MetaData
from tests.fixtures import shop
from tests.fixtures.drifts import DRIFTS

from fairlead.toolkit.catalogue import Catalogue, read_catalogue
from fairlead.toolkit.change import changes
from fairlead.toolkit.difference import Difference, declared_catalogue, difference
from fairlead.toolkit.environment import connected, scripts
from fairlead.toolkit.shadow import modelled
from fairlead.toolkit.sql import operations_sql, upgrade_sql
from fairlead.toolkit.target import Target, own


def _read(url: str, target: Target) -> Catalogue:
    with connected(url) as connection:
        return read_catalogue(connection, target)


def _compared(url: str, target: Target, declared: Catalogue) -> Difference:
    with connected(url) as connection:
        return difference(target, connection, declared=declared)


def _execute(url: str, statements: Iterable[str], *, role: str = "fairlead_owner") -> None:
    with psycopg.connect(
        url, autocommit=True
    ) as connection:  # a new value of an enum is used when it is there for good
        connection.execute(f"set role {role}".encode())
        for statement in statements:
            connection.execute(statement.encode())


def _left(found: Catalogue, wanted: Catalogue) -> list[str]:
    return [change.sentence("the database") for change in changes(found, wanted)]


def test_nothing_differs(fresh_url: str, declared: Catalogue) -> None:
    """Between Fairlead's migrations and models there is nothing to do, also for Alembic's own comparison."""
    same = _compared(fresh_url, own(), declared)
    assert (same.changes, same.upgrade.ops, same.downgrade.ops) == ((), [], [])


@pytest.mark.parametrize("ddl", DRIFTS)
def test_the_operations_lead_to_what_is_declared_and_back(fresh_url: str, declared: Catalogue, ddl: str) -> None:
    """Whatever drifted, the operations make it what the models declare, and their reverse what it was."""
    _execute(fresh_url, [ddl])
    drifted = _read(fresh_url, own())
    way = _compared(fresh_url, own(), declared)
    _execute(fresh_url, operations_sql(own(), way.upgrade.ops))
    assert _left(_read(fresh_url, own()), declared) == []
    _execute(fresh_url, operations_sql(own(), way.downgrade.ops))
    assert _left(_read(fresh_url, own()), drifted) == []


def _target(metadata: MetaData, folder: Path) -> Target:
    (folder / "versions").mkdir(exist_ok=True)
    (folder / "env.py").touch()
    return Target("shop", metadata, folder, "alembic_version")


def written_sql(target: Target, operations: list[MigrateOperation]) -> list[str]:
    """Return the SQL of operations that were written into a migration file, and read from there."""
    path = target.migrations / "versions" / f"{uuid4().hex}.py"
    body = render_python_code(UpgradeOps(ops=operations))
    path.write_text(_FILE.format(revision=path.stem, body=body))
    script = next(one for one in scripts(target).walk_revisions() if one.revision == path.stem)
    path.unlink()
    return upgrade_sql(target, script)


_FILE = """
from alembic import op
import sqlalchemy as sa
from sqlalchemy import Text
from sqlalchemy.dialects import postgresql

revision = "{revision}"
down_revision = None

def upgrade():
    pass
{body}
"""
_STATES = {"nothing": MetaData, "first": shop.first, "second": shop.second}


@pytest.mark.parametrize(("before", "after"), [("first", "second"), ("second", "first"), ("nothing", "second")])
@pytest.mark.parametrize("run", [operations_sql, written_sql])
def test_another_application(workshop_url: str, tmp_path: Path, before: str, after: str, run: Any) -> None:
    """Another application's models change in every way at once; the operations lead there and back, also as a file."""
    was, now = (_target(_STATES[state](), tmp_path) for state in (before, after))
    declared = declared_catalogue(now, workshop_url)
    with modelled(workshop_url, was) as url:
        old = _read(url, now)
        way = _compared(url, now, declared)
        _execute(url, run(now, way.upgrade.ops), role="none")
        assert _left(_read(url, now), declared) == []
        _execute(url, run(now, way.downgrade.ops), role="none")
        assert _left(_read(url, now), old) == []


def test_a_migration_file_reads_as_sql(workshop_url: str, tmp_path: Path) -> None:
    """What Alembic has no operation for is written into the file as SQL, so that it needs no plugin to run."""
    was, now = _target(shop.first(), tmp_path), _target(shop.second(), tmp_path)
    with modelled(workshop_url, was) as url, connected(url) as connection:
        written = render_python_code(difference(now, connection, server_url=workshop_url).upgrade)
    assert "op.execute('alter table orders force row level security')" in written
    assert "fairlead" not in written
