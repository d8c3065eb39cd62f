"""A step: one verb in a transaction of its own, which may be given up or lose its connection before its end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Any, NamedTuple

from tests.fixtures.clock import ClockedDatabase
from tests.model.observed import Observer

from fairlead.db.session import Session
from fairlead.db.tenancy import Scope
from fairlead.errors import DatabaseUnavailable, FairleadError


class Fate(Enum):
    """How a transaction ends."""

    COMMITTED = "committed"
    GIVEN_UP = "given up"
    KILLED = "killed"


class Step(NamedTuple):
    """What to run, and with its answer, or the error it raised, what the model says to that."""

    scope: Scope
    work: Callable[[Session], Awaitable[Any]]
    expect: Callable[[Any], Any]


class _GivenUp(Exception):
    """The program ends here."""


def _end(session: Session, observer: Observer, *, fate: Fate) -> None:
    if fate is Fate.KILLED:
        observer.end(session._driver.info.backend_pid)
    if fate is Fate.GIVEN_UP:
        raise _GivenUp


async def attempt(database: ClockedDatabase, observer: Observer, *, step: Step, fate: Fate) -> Any:
    """Run a step; return its answer or error. Of one that was not committed nothing is told."""
    try:
        async with database.unit_of_work(step.scope) as session:
            answer = await step.work(session)
            _end(session, observer, fate=fate)
    except _GivenUp:
        return None
    except DatabaseUnavailable:
        assert fate is Fate.KILLED
        return None
    except FairleadError as error:
        return error
    assert fate is Fate.COMMITTED, "nobody is told that a killed transaction was committed"
    return answer


def compare(step: Step, answer: Any) -> None:
    """Fail unless the model, which is changed by it, comes to the same answer or the same error."""
    try:
        expected = step.expect(answer)
    except FairleadError as error:
        expected = error
    if isinstance(expected, FairleadError):
        assert type(answer) is type(expected), f"{answer!r} instead of {expected!r}"
    else:
        assert answer == expected
