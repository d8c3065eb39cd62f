"""The database that is examined: how it is asked, and from which values on something is worth a word."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, text

from fairlead.toolkit.target import OWN, Target

MEGABYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """From where on something is found. What has a worse degree reaches it at `worse_by` times the value."""

    worse_by: float = 12
    transaction_seconds: float = 300
    idle_seconds: float = 60
    prepared_seconds: float = 300
    slot_bytes: int = 1024 * MEGABYTE
    dead_rows: int = 100_000
    wraparound_share: float = 0.5  # of the 2.1 thousand million transactions there are
    bloat_bytes: int = 64 * MEGABYTE  # smaller tables and indexes are left alone
    bloat_share: float = 0.7  # of a table's pages that hold nothing
    index_entry_bytes: int = 500
    unused_index_bytes: int = 16 * MEGABYTE
    unused_index_reads: int = 10_000  # of its table, by other ways
    clock_seconds: float = 2
    connection_share: float = 0.8
    late_seconds: float = 60
    stalled_seconds: float = 900
    maintenance_seconds: float = 300
    failed_share: float = 0.5  # of what finished in the last hour
    failed_items: int = 20


@dataclass(frozen=True, slots=True)
class Wiring:
    """How a process of Fairlead reaches the database: the pooler's address and the one past it, if there are two."""

    url: str = field(repr=False)
    direct_url: str | None = field(default=None, repr=False)
    prepares: bool = True
    pool_size: int = 10
    workshop_url: str | None = field(default=None, repr=False)  # where throw-away databases may be made

    @property
    def session_url(self) -> str:
        """Where a connection keeps its session between transactions."""
        return self.direct_url or self.url


@dataclass(frozen=True, slots=True)
class Patient:
    """The examined database: a connection on which each check has a read-only transaction of its own."""

    connection: Connection
    wiring: Wiring
    targets: tuple[Target, ...]  # whose migrations are compared; Fairlead's own first
    limits: Limits = Limits()
    clock: Callable[[], float] = time.time  # this machine's, in seconds since 1970

    def target_option(self, target: Target) -> str:
        """Return what a command needs to be about this target, where two are examined."""
        return f" --target {target.name}" if len(self.targets) > 1 and target.name == OWN else ""

    def rows(self, sql: str, /, **values: Any) -> Sequence[Any]:
        """Run one statement and return its rows."""
        return self.connection.execute(text(sql), values).all()

    def value(self, sql: str, /, **values: Any) -> Any:
        """Run one statement and return its only value."""
        return self.connection.execute(text(sql), values).scalar_one()

    def settings(self, *names: str) -> Mapping[str, str]:
        """Return the settings of these names as this login has them."""
        rows = self.rows("select n, current_setting(n, true) from unnest(cast(:names as text[])) n", names=list(names))
        return {row[0]: row[1] for row in rows}

    def run(self, sql: str) -> None:
        """Run a statement that returns no rows, for the rest of the check's transaction."""
        self.connection.execute(text(sql))
