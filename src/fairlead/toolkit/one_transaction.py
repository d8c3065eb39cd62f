"""A connection on which everything is one transaction, whoever commits on it: nothing stays until it is kept.

What compares schemas, carries out renames or tries a cast begins and ends transactions of its own. Here each of those
is a savepoint of the one that is held: its end keeps it for what follows on this connection, its failure undoes it
alone, and when the block ends without `keep` the database is as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from psycopg.pq import TransactionStatus
from sqlalchemy import Connection, create_engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from fairlead.db.connect import driver_url
from fairlead.errors import DatabaseUnavailable
from fairlead.toolkit.environment import first_line

_BEGIN: Final = b"savepoint fairlead_held"
# What a transaction had set for itself ends with it; a savepoint's release would let it go on.
_END: Final = b"release savepoint fairlead_held; reset role; reset all; savepoint fairlead_held"
_UNDO: Final = b"rollback to savepoint fairlead_held"


class _Held(psycopg.Connection[tuple[Any, ...]]):
    """A connection whose commits and rollbacks move within one transaction."""

    def commit(self) -> None:
        if self._is_open():
            self.execute(_END)

    def rollback(self) -> None:
        if self._is_open():
            self.execute(_UNDO)

    def keep(self) -> None:
        """Commit for good."""
        super().commit()

    def _is_open(self) -> bool:
        return self.info.transaction_status not in {TransactionStatus.IDLE, TransactionStatus.UNKNOWN}


@contextmanager
def one_transaction(url: str, *, lock_seconds: float = 5) -> Iterator[tuple[Connection, Callable[[], None]]]:
    """Give a connection, and what keeps all that was done on it; without that, nothing of it is there afterwards.

    A lock that is not had after `lock_seconds` is an error of the statement. Raises DatabaseUnavailable.
    """
    address = driver_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    held: list[_Held] = []

    def opened() -> _Held:
        connection = _Held.connect(
            address, connect_timeout=10, options=f"-c lock_timeout={lock_seconds}s -c application_name=fairlead-db"
        )
        connection.execute(_BEGIN)
        held.append(connection)
        return connection

    engine = create_engine(driver_url(url), creator=opened, poolclass=NullPool)
    try:
        connection = engine.connect()
    except OperationalError as error:
        raise DatabaseUnavailable(f"The database cannot be reached: {first_line(error)}") from error
    with connection:
        yield connection, held[-1].keep
