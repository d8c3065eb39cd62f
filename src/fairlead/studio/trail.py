"""Who changed what by hand: in Fairlead's own audit trail, and for another application in a file of its own.

The entry is written before the change is committed, in the same transaction where there is a table for it: a change
that cannot be told is not made. Secret columns are in no entry, since studio never has their values.
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal, TypeAlias

import orjson
from psycopg import sql

from fairlead.domain.ids import new_id
from fairlead.studio.access import Connection
from fairlead.studio.shape import Table

Values: TypeAlias = Mapping[str, str | None]

_EVENT: Final = sql.SQL("""
insert into audit_events (id, organization_id, actor_kind, actor_id, action, subject_kind, subject_id, before, after)
values (%s, %s, 'operator', %s, %s, %s, %s, %s, %s)
""")


@dataclass(frozen=True, slots=True)
class Change:
    """One row that was added, changed or deleted; `before` and `after` are what differs, as text."""

    action: Literal["added", "changed", "deleted"]
    table: Table
    key: tuple[str, ...]
    before: Values | None = None
    after: Values | None = None
    organization_id: str | None = None


@dataclass(frozen=True, slots=True)
class Trail:
    """Where changes are told: in the table `audit_events`, or in a file when there is one."""

    file: Path | None = None

    async def tell(self, connection: Connection, change: Change) -> None:
        """Write an entry for a change that is about to be committed."""
        if self.file is not None:
            _append(self.file, change)
            return
        before, after = (
            orjson.dumps(dict(values)).decode() if values else None for values in (change.before, change.after)
        )
        await connection.execute(
            _EVENT,
            [
                new_id(),
                change.organization_id,
                operator(),
                f"studio.{change.action}",
                change.table.address,
                " ".join(change.key),
                before,
                after,
            ],
        )


def operator() -> str:
    """Return the name of whoever runs this process."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # an account without a name
        return str(os.getuid())


def _append(file: Path, change: Change) -> None:
    entry = {
        "at": datetime.now(UTC).isoformat(),
        "operator": operator(),
        "action": change.action,
        "table": change.table.address,
        "key": list(change.key),
        "before": change.before and dict(change.before),
        "after": change.after and dict(change.after),
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with open(descriptor, "ab") as opened:  # noqa: PTH123 - a descriptor, which has the mode from its start
        opened.write(orjson.dumps(entry) + b"\n")
        opened.flush()
        os.fsync(opened.fileno())
