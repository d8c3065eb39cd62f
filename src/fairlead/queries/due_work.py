"""Due work: one look, by the database's clock, at whether maintenance has anything to do.

Every part reads one entry of an index that is in the order of time or of arrival. While an old transaction holds vacuum
back, dead entries pile up before the first one that lives, and every look would pass them all: a look starts at the
marks that the last one left (measured behind 600 000 of them: 29.6 → 0.31 ms). What was committed late below a mark is
found by a look without marks, which the caller takes as often as it can afford.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from fairlead.db.session import Session
from fairlead.db.statement import Statement
from fairlead.db.tenancy import SystemScope

LOOK: Final = Statement("""
select statement_timestamp(),
    (select i.scheduled_for
     from queue_items_live i
     where i.status = 'waiting' and not i.ready and not i.blocked
        and i.scheduled_for >= coalesce(cast(:scheduled as timestamptz), '-infinity')
     order by i.scheduled_for
     limit 1),
    (select i.lease_expires_at
     from queue_items_live i
     where i.status = 'processing' and i.lease_expires_at <= statement_timestamp()
        and i.lease_expires_at >= coalesce(cast(:leases as timestamptz), '-infinity')
     order by i.lease_expires_at
     limit 1),
    (select n.id from ordering_turns n where n.id > :turns order by n.id limit 1),
    (select c.id from item_counters c order by c.id desc limit 1),
    array(select d.name from duties d where d.due_at > statement_timestamp())
""")
_OVERLAP: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Marks:
    """Where a look starts: due times, ends of leases and notes before these were dealt with; None is from the start."""

    scheduled: datetime | None = None
    leases: datetime | None = None
    turns: int = 0


FROM_THE_START: Final = Marks()


@dataclass(frozen=True, slots=True)
class DueWork:
    """What a look found; None is nothing.

    `scheduled` is the first time at which an item for later is due, past or to come; `lease` the first end of a lease
    that is over; `turn` the first note of an ordering key; `counter` the newest row of the counters; `taken` are the
    duties that are not due yet.
    """

    at: datetime
    scheduled: datetime | None
    lease: datetime | None
    turn: int | None
    counter: int | None
    taken: frozenset[str]

    @property
    def scheduled_in_seconds(self) -> float | None:
        """In how many seconds the first item for later is due: 0 or less when it is."""
        return None if self.scheduled is None else (self.scheduled - self.at).total_seconds()

    def marks(self, before: Marks) -> Marks:
        """Return where the next look may start: a second before the first that is left, or before this one's time."""
        return Marks(
            min(self.at, self.scheduled or self.at) - _OVERLAP,
            (self.lease or self.at) - _OVERLAP,
            before.turns if self.turn is None else self.turn - 1,
        )


async def find_due_work(session: Session, _scope: SystemScope, *, marks: Marks = FROM_THE_START) -> DueWork:
    """Look once; it costs as much as lies dead behind the marks."""
    bound = {"scheduled": marks.scheduled, "leases": marks.leases, "turns": marks.turns}
    return _due_work(*(await session.run(LOOK, bound))[0])


def _due_work(  # noqa: PLR0917 - a row's columns
    at: datetime, scheduled: Any, lease: Any, turn: Any, counter: Any, taken: Sequence[str]
) -> DueWork:
    return DueWork(at, scheduled, lease, turn, counter, frozenset(taken))
