"""What one attempt came to, decided from what its handler did."""

from __future__ import annotations

import random
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

import orjson
import structlog

from fairlead.domain.json_values import storable
from fairlead.domain.limits import DELAY_SECONDS, ERROR_CHARACTERS
from fairlead.domain.retry import delay_seconds
from fairlead.engine.claim import ClaimedItem
from fairlead.errors import GiveUp, Snooze, ValidationFailed
from fairlead.worker.held import Held
from fairlead.worker.result import written


class Completed(NamedTuple):
    """The handler returned; `result` is written already, so that what the handler still does to it is no matter.

    A tuple, for it is what most attempts come to and is made in half the time of a dataclass.
    """

    held: Held
    result: orjson.Fragment | None = None

    @property
    def lease(self) -> ClaimedItem:
        """What `engine.complete` asks for."""
        return self.held.claimed


@dataclass(frozen=True, slots=True)
class Failed:
    """The attempt failed; wait `delay_seconds` before the next, if there is one."""

    held: Held
    error: str
    delay_seconds: float
    give_up: bool = False


@dataclass(frozen=True, slots=True)
class Snoozed:
    """The handler wants the item later, and the attempt does not count."""

    held: Held
    delay_seconds: float


@dataclass(frozen=True, slots=True)
class Released:
    """The item was not worked on and goes back."""

    held: Held


@dataclass(frozen=True, slots=True)
class Stopped:
    """The item is being cancelled, and nobody works on it any more; `instead_of` is an outcome that was refused."""

    held: Held
    instead_of: str | None = None


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The handler completed the item in a transaction of its own; `otherwise` is what to report if that is not so."""

    held: Held
    otherwise: Failed | Snoozed


Outcome: TypeAlias = Completed | Failed | Snoozed | Released | Stopped | Confirmed
NOT_COMMITTED: Final = "The handler completed its item in a transaction that was not committed when it returned."
_DELAY_WANTED: Final = f"The delay must be a number of seconds from 0 to {DELAY_SECONDS:,}"
_log = structlog.get_logger(__name__)


class RetryRules(Protocol):
    """A handler's own rules of retrying."""

    @property
    def backoff(self) -> Callable[[int, BaseException], float] | None:
        """How long to wait after an attempt (the first is 1) that raised an error; None leaves that to the queue."""

    @property
    def give_up_on(self) -> tuple[type[BaseException], ...]:
        """The errors after which there is no other attempt."""


def returned(held: Held, result: Any) -> Outcome:
    """Judge what a handler returned: done, or failed when the result cannot be stored."""
    if held.is_finishing:
        return Confirmed(held, failed(held, NOT_COMMITTED))
    try:
        return Completed(held, written(result))
    except ValidationFailed as error:
        return failed(held, error.message)


def raised(held: Held, error: BaseException, *, rules: RetryRules | None = None) -> Outcome:
    """Judge what a handler raised, by its own rules of retrying and then by its queue's."""
    outcome = _raised(held, error, rules)
    return Confirmed(held, outcome) if held.is_finishing else outcome


def _raised(held: Held, error: BaseException, rules: RetryRules | None) -> Failed | Snoozed:
    kind = type(error)  # not isinstance, which would ask the error itself
    if issubclass(kind, Snooze):
        seconds: Any = getattr(error, "delay_seconds", None)
        return Snoozed(held, seconds) if _is_delay(seconds) else failed(held, f"{_DELAY_WANTED}: Snooze({seconds!r}).")
    if issubclass(kind, GiveUp):
        return failed(held, _headline(error).partition(": ")[2] or _headline(error), give_up=True)
    told = f"{_headline(error)}\n{_told(error)}".strip()
    if rules is None:
        return failed(held, told)
    return failed(held, told, give_up=issubclass(kind, rules.give_up_on), wait=_own_wait(held, error, rules))


def _own_wait(held: Held, error: BaseException, rules: RetryRules) -> float | None:
    """Return the wait that the handler's own back-off says; None without one, or when it says nothing useful."""
    if rules.backoff is None:
        return None
    try:
        seconds = rules.backoff(held.claimed.attempts, error)
    except BaseException:  # noqa: BLE001 - whatever it raises must cost neither the item nor the runner
        _log.exception("backoff_failed", item_id=held.claimed.id, queue=held.queue.name)
        return None
    if not _is_delay(seconds):
        _log.error("backoff_failed", item_id=held.claimed.id, queue=held.queue.name, error=_DELAY_WANTED)
        return None
    return seconds


def _is_delay(seconds: Any) -> bool:
    return type(seconds) in {int, float} and 0 <= seconds <= DELAY_SECONDS


def _headline(error: BaseException) -> str:
    """Return an error's type and message, whatever its own methods do."""
    try:
        message = str(error)
    except BaseException:  # noqa: BLE001 - an error that cannot say what it is still has a type
        message = ""
    name = type(error).__qualname__
    return f"{name}: {message}" if message else name


def _told(error: BaseException) -> str:
    try:
        return "".join(traceback.TracebackException.from_exception(error).format())
    except BaseException:  # noqa: BLE001 - its own attributes may raise whatever they like
        return ""


def failed(held: Held, error: str, *, give_up: bool = False, wait: float | None = None) -> Failed:
    """Make a failure; without a `wait` in seconds with the queue's back-off."""
    if wait is None:
        chance = random.random()  # noqa: S311 - jitter, not a secret
        wait = delay_seconds(held.queue.backoff, held.claimed.attempts, chance=chance)
    return Failed(held, storable(error, most=ERROR_CHARACTERS), wait, give_up)
