"""A push is tried before anything of it is told, in the transaction of its plan, which is undone.

That shows what nothing else does: what the login may not do, what the rows do not bear, and whether PostgreSQL wants
the new values of an enum committed before the rest, because the rest uses them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from sqlalchemy.exc import DBAPIError

from fairlead.db.migrating.events import brief
from fairlead.toolkit.decisions import DENIED, Shadow
from fairlead.toolkit.destruction import Obstacle
from fairlead.toolkit.environment import first_line
from fairlead.toolkit.naming import PATH, for_driver

_UNCOMMITTED_VALUE: Final = "55P04"
_OF_VALUES: Final = re.compile(rf"alter type {PATH} (?:add|rename) value ", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """How it went: whether the values of enums have to be committed first, and what stands in the way."""

    values_first: bool = False
    obstacle: Obstacle | None = None


def rehearsed(live: Shadow, todo: Iterable[str]) -> Rehearsal:
    """Run the statements on the connection and undo them; the renames before them are carried out already."""
    with live.owned() as attempt:
        for statement in todo:
            try:
                live.connection.exec_driver_sql(for_driver(statement))
            except DBAPIError as error:
                attempt.rollback()
                return _stopped(statement, error)
        attempt.rollback()
    return Rehearsal()


def _stopped(statement: str, error: DBAPIError) -> Rehearsal:
    state = getattr(error.orig, "sqlstate", "")
    if state == _UNCOMMITTED_VALUE:
        return Rehearsal(values_first=True)
    remedy = "This login may not do that: push as the one that owns it." if state == DENIED else "Mend that first."
    return Rehearsal(obstacle=Obstacle(brief(statement), f"{first_line(error)}.", remedy, rows=0))


def is_of_values(statement: str) -> bool:
    """Tell whether it adds or renames a value of an enum, which takes nothing away and stands by itself."""
    return _OF_VALUES.match(statement) is not None
