"""What the database knows of the files it was migrated by: a note in the comment of the version table.

It holds the hash of each applied revision's file, and how far a run has come in a revision that commits in its middle.
The comment is written in the transaction of the revision, so that the two are never apart. It is not a table of its
own because plain `alembic revision --autogenerate`, which knows nothing of us, would propose to drop that one; a
comment is no object, goes with the version table into every dump, and needs no further right. Where it is missing
(older releases, `alembic upgrade` by hand) the revisions are adopted as they are.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import Any, TypeAlias

import psycopg
from psycopg import sql

from fairlead.db.migrating.revisions import Migrations

Driver: TypeAlias = psycopg.Connection[tuple[Any, ...]]
_MARK = "fairlead db: "


@dataclass(frozen=True, slots=True)
class Applied:
    """A revision that was applied, or adopted: the hash of its file, and when; both by the database's clock."""

    file: str
    at: str


@dataclass(frozen=True, slots=True)
class Begun:
    """A revision of which a part is committed: how many statements, and a digest of their texts."""

    revision: str
    back: bool
    statements: int = 0
    digest: str = ""
    running: str | None = None  # the mark of one that was sent outside of a transaction, and may be done or not


@dataclass(frozen=True, slots=True)
class Ledger:
    """The whole note."""

    applied: dict[str, Applied] = field(default_factory=dict)
    begun: Begun | None = None
    before: str = ""  # what somebody else had written into the comment

    def having(self, revision: str, note: Applied) -> Ledger:
        """Return it with a revision that is applied now."""
        return replace(self, applied={**self.applied, revision: note}, begun=None)

    def without(self, revision: str) -> Ledger:
        """Return it without a revision, which was taken back."""
        kept = {name: note for name, note in self.applied.items() if name != revision}
        return replace(self, applied=kept, begun=None)


def table_name(migrations: Migrations) -> sql.Identifier:
    """Return the version table's name as it is written in SQL."""
    return sql.Identifier(*migrations.place)


def read(driver: Driver, migrations: Migrations) -> Ledger:
    """Return the note; an empty one where there is none, or no version table."""
    name = table_name(migrations).as_string(driver)
    row = driver.execute("select obj_description(to_regclass(%s), 'pg_class')", [name]).fetchone()
    comment = (row and row[0]) or ""
    before, mark, text = comment.rpartition(_MARK)
    if not mark:
        return Ledger(before=comment)
    try:
        known = json.loads(text)
        applied = {revision: Applied(**note) for revision, note in known["applied"].items()}
        return Ledger(applied, _begun(known["begun"]), before)
    except (ValueError, LookupError, TypeError, AttributeError):  # not ours, or cut off: as if it were not there
        return Ledger(before=comment)


def write(driver: Driver, migrations: Migrations, ledger: Ledger) -> None:
    """Write the note, in the transaction that the connection is in."""
    known = {
        "applied": {revision: asdict(note) for revision, note in ledger.applied.items()},
        "begun": ledger.begun and asdict(ledger.begun),
    }
    comment = sql.Literal(f"{ledger.before}{_MARK}{json.dumps(known)}")
    with _as_login(driver):
        driver.execute(sql.SQL("comment on table {} is {}").format(table_name(migrations), comment))


@contextmanager
def _as_login(driver: Driver) -> Iterator[None]:
    """Work as the login, whose table it is, where a revision works as another role, and as that role afterwards."""
    [role] = driver.execute("select current_setting('role')").fetchone() or ("none",)
    local = sql.SQL("local ") if driver.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS else sql.SQL("")
    driver.execute(sql.SQL("set {}role none").format(local))
    yield
    driver.execute(sql.SQL("set {}role {}").format(local, sql.SQL("none") if role == "none" else sql.Identifier(role)))


def note(driver: Driver, file: str) -> Applied:
    """Return a note of a file, with the database's time."""
    row = driver.execute("select to_char(statement_timestamp() at time zone 'utc', 'YYYY-MM-DD\"T\"HH24:MI:SSZ')")
    return Applied(file, str((row.fetchone() or ("",))[0]))


def _begun(known: dict[str, Any] | None) -> Begun | None:
    if not known:
        return None
    return Begun(**known)
