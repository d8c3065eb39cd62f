"""A revision's statements, numbered as they are sent, so that each is committed once however often it is begun.

A revision with `autocommit_block()` commits in its middle. Each commit writes, in the same transaction, which
statements it holds (`ledger.py`). When the revision is begun again, after a kill or because a lock was not to be had,
those are left out: what only reads or sets something for the session is sent again, the rest is not. A statement in
such a block gets a transaction of its own where PostgreSQL allows it; where it does not, it is noted before and after,
and what an index was left as says whether it was done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from typing import Any, Final, LiteralString

from psycopg import pq
from sqlalchemy import Connection, event
from sqlalchemy.exc import DBAPIError

from fairlead.db.migrating import ledger as notes
from fairlead.db.migrating.events import LeftOut, LeftOver, Running, Tell
from fairlead.db.migrating.ledger import Begun, Driver, Ledger
from fairlead.db.migrating.revisions import Migrations
from fairlead.db.migrating.wording import index_built, index_dropped, is_passing, stands_alone, waits_harmlessly
from fairlead.errors import MigrationFailed

_NOTHING: Final = "select"  # a statement without any effect, sent in the place of one that is committed already
_LEFT = """
select c.oid::regclass::text, i.indisvalid
from pg_index i
join pg_class c on c.oid = i.indexrelid
where i.indrelid = to_regclass(%s) and c.relname = %s
    and not exists (select from pg_stat_progress_create_index p where p.index_relid = i.indexrelid)
"""


class Journal:
    """The statements of one revision on one connection."""

    def __init__(self, connection: Connection, migrations: Migrations, begun: Begun, *, tell: Tell) -> None:
        self.begun = begun  # what is committed
        self.statement = ""  # the one that was sent last
        self._connection = connection
        self._migrations = migrations
        self._tell = tell
        self._sent, self._digest = 0, ""  # how many, and a digest of their texts
        self._own = ""  # the mark of the statement under way, when it is to be noted by itself
        self._after_it = ""  # what to send when it is done

    def recording(self, work: Callable[..., None]) -> Callable[..., None]:
        """Return a revision's function, with its statements numbered while it runs."""

        def recorded(**options: Any) -> None:
            with self._listening():
                work(**options)
            if self._sent < self.begun.statements:
                raise self._another()

        return recorded

    @property
    def _driver(self) -> Driver:
        driver: Driver = self._connection.connection.driver_connection  # type: ignore[assignment]  # psycopg is the only one
        return driver

    @contextmanager
    def _listening(self) -> Iterator[None]:
        heard: list[tuple[str, Callable[..., Any]]] = [
            ("before_cursor_execute", self._before),
            ("after_cursor_execute", self._after),
            ("commit", self._commit),
        ]
        for name, hear in heard:
            event.listen(self._connection, name, hear, retval=name.startswith("before"))
        try:
            yield
        finally:
            for name, hear in heard:
                event.remove(self._connection, name, hear)

    def _before(self, _connection: Any, _cursor: Any, statement: str, parameters: Any, *_more: Any) -> tuple[str, Any]:
        if is_passing(statement):
            self._begin(statement)
            return statement, parameters
        mark = mark_of(statement)
        self._sent, self._digest = self._sent + 1, mark_of(f"{self._digest} {mark}")
        if self._sent <= self.begun.statements:
            if self._sent == self.begun.statements and self._digest != self.begun.digest:
                raise self._another()
            return _NOTHING, ()
        self._begin(statement)
        if self._driver.autocommit and not self._set_out(statement, mark):
            return _NOTHING, ()
        return statement, parameters

    def _begin(self, statement: str) -> None:
        self.statement = statement.replace("%%", "%")  # doubled for the driver
        self._tell(Running(self.statement))

    def _set_out(self, statement: str, mark: str) -> bool:
        """Get ready for a statement outside of the revision's transaction; return whether it is to be sent at all."""
        self._own = mark
        if not stands_alone(statement):
            self._driver.execute("begin")
            self._after_it = "commit"
            return True
        to_send = self._cleared(statement, interrupted=self.begun.running == mark)
        self._note(replace(self.begun, running=mark))
        if to_send and waits_harmlessly(statement):
            self._after_it = f"set lock_timeout = {self._one('show lock_timeout')[0]!r}"
            self._driver.execute("set lock_timeout = 0")
        return to_send

    def _after(self, *_cursor: Any) -> None:
        if not self._own:
            return
        self._note_sent()
        if self._after_it:
            self._driver.execute(self._after_it.encode())
        self._own = self._after_it = ""

    @contextmanager
    def leaving_out(self, refusals: frozenset[str]) -> Iterator[None]:
        """Send the statement of this block; leave it out, with a word, where it is refused with one of these states."""
        alone = self._driver.autocommit
        if not alone:
            self._driver.execute("savepoint fairlead_statement")
        try:
            yield
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) not in refusals:
                raise
            self._tell(LeftOut(self.statement))
            if not alone:
                self._driver.execute("rollback to savepoint fairlead_statement")
            elif self._driver.info.transaction_status == pq.TransactionStatus.INERROR:
                self._driver.execute("rollback")
                self._after_it = ""
            self._after()

    def _commit(self, _connection: Connection) -> None:
        """Note what the transaction holds that is about to be committed in the middle of the revision."""
        in_transaction = self._driver.info.transaction_status == pq.TransactionStatus.INTRANS
        if in_transaction and self._sent > self.begun.statements:
            self._note_sent()

    def _note_sent(self) -> None:
        self._note(replace(self.begun, statements=self._sent, digest=self._digest, running=None))

    def _note(self, begun: Begun) -> None:
        ledger: Ledger = notes.read(self._driver, self._migrations)
        notes.write(self._driver, self._migrations, replace(ledger, begun=begun))
        self.begun = begun

    def _cleared(self, statement: str, *, interrupted: bool) -> bool:
        """Remove what an index that was not built to its end left; return False for what was done to its end before."""
        if interrupted and (dropped := index_dropped(statement)):
            return self._one("select to_regclass(%s)", dropped)[0] is not None
        if not (build := index_built(statement)):
            return True
        left, valid = self._one(_LEFT, build.table, build.name)
        if left and not valid:
            self._tell(LeftOver(left))
            self._driver.execute(f"drop index concurrently {left}".encode())
            return True
        return not (left and interrupted)

    def _one(self, query: LiteralString, *parameters: Any) -> tuple[Any, ...]:
        return self._driver.execute(query, parameters).fetchone() or (None, None)

    def _another(self) -> MigrationFailed:
        return MigrationFailed(
            f"A run was broken off in the middle of {self.begun.revision}: {self.begun.statements} of its statements "
            f"are committed, but its file begins with others now. Put the file back as it was and run this again, or "
            f"finish the revision by hand and say so with 'fairlead db stamp'."
        )


def mark_of(text: str) -> str:
    """Return what a statement is known by."""
    return sha256(text.encode()).hexdigest()[:16]
