"""What one attempt came to, decided from what its handler did."""

from __future__ import annotations

import random
import traceback
from dataclasses import dataclass
from typing import Any, TypeAlias

import orjson

from fairlead.domain.json_values import problem, storable
from fairlead.domain.limits import ERROR_CHARACTERS, RESULT_BYTES
from fairlead.domain.retry import delay_seconds
from fairlead.errors import GiveUp
from fairlead.worker.held import Held


@dataclass(frozen=True, slots=True)
class Completed:
    """The handler returned; `result` is written already, so that what the handler still does to it is no matter."""

    held: Held
    result: orjson.Fragment | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """The attempt failed; wait `delay_seconds` before the next, if there is one."""

    held: Held
    error: str
    delay_seconds: float
    give_up: bool = False


@dataclass(frozen=True, slots=True)
class Released:
    """The item was not worked on and goes back."""

    held: Held


Outcome: TypeAlias = Completed | Failed | Released


def returned(held: Held, result: Any) -> Completed | Failed:
    """Judge what a handler returned: done, or failed when the result cannot be stored."""
    if result is None:
        return Completed(held)
    if place := problem(result):
        return failed(held, f"The handler's result cannot be stored: {place}.")
    try:
        written = orjson.dumps(result)
    except orjson.JSONEncodeError as error:
        return failed(held, f"The handler's result cannot be stored: {error}.")
    if len(written) > RESULT_BYTES:
        return failed(held, f"The handler's result is larger than {RESULT_BYTES} bytes.")
    return Completed(held, orjson.Fragment(written))


def raised(held: Held, error: BaseException) -> Failed:
    """Judge what a handler raised."""
    if issubclass(type(error), GiveUp):  # not isinstance, which would ask the error itself
        return failed(held, _headline(error).partition(": ")[2] or _headline(error), give_up=True)
    return failed(held, f"{_headline(error)}\n{_told(error)}".strip())


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


def failed(held: Held, error: str, *, give_up: bool = False) -> Failed:
    """Make a failure with the queue's back-off."""
    wait = delay_seconds(
        held.queue.backoff,
        held.claimed.attempts,
        chance=random.random(),  # noqa: S311 - jitter, not a secret
    )
    return Failed(held, storable(error, most=ERROR_CHARACTERS), wait, give_up)
