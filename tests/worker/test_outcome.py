from __future__ import annotations

import math
from collections import namedtuple
from datetime import timedelta
from typing import Any

import orjson
import pytest
from structlog.testing import capture_logs
from tests.fixtures.held import make_held

from fairlead import App
from fairlead.domain.limits import DELAY_SECONDS, RESULT_BYTES
from fairlead.domain.retry import Backoff
from fairlead.errors import GiveUp, Snooze
from fairlead.worker.outcome import Completed, Failed, Snoozed, failed, raised, returned
from fairlead.worker.registry import Handler

_LOOP: list[Any] = []
_LOOP.append(_LOOP)
_NEST: Any = 0
for _ in range(50):
    _NEST = [_NEST]
_WIDE: list[Any] = []
_WIDE.extend([_WIDE] * 1000)
_Point = namedtuple("_Point", "x")  # noqa: PYI024 - an untyped one is what handlers return

UNSTORABLE = {
    "an object": (object(), "is a object"),
    "not a number": (math.nan, "is not a finite number"),
    "infinite": ({"a": [math.inf]}, "'a[0]' is not a finite number"),
    "NUL": ("a\x00b", "contains a NUL character"),
    "NUL in a key": ({"a\x00": 1}, "contains a NUL character"),
    "half a surrogate": ({"a": "\ud800"}, "half of a surrogate pair"),
    "too large a number": (2**70, "beyond 64 bits"),
    "too deep": (_NEST, "more than 32 levels"),
    "endless": (_LOOP, "more than 32 levels"),
    "endless and wide": (_WIDE, "more than 32 levels"),
    "too long": ("x" * 300 * 1024, "larger than 262144 bytes"),
    "a number as key": ({1: 2}, "key that is not a string"),
    "a set": ({1}, "is a set"),
    "bytes": (b"x", "is a bytes"),
    "a named tuple": (_Point(1), "_Point"),
}


class _Mute(Exception):
    def __str__(self) -> str:
        raise RuntimeError("cannot say")


def _raised(error: BaseException) -> Failed:
    with pytest.raises(type(error)) as caught:
        raise error
    outcome = raised(make_held(), caught.value)
    assert isinstance(outcome, Failed)
    return outcome


@pytest.mark.parametrize("result", [0, False, "", [], {}, "text", 1.5, {"a": [1, None, "ü"]}, (1, 2), 2**63 - 1])
def test_any_json_value_completes(result: Any) -> None:
    """A handler may return any JSON value, the false ones too, and it is kept as it was."""
    outcome = returned(make_held(), result)

    assert isinstance(outcome, Completed)
    assert orjson.loads(orjson.dumps(outcome.result)) == orjson.loads(orjson.dumps(result))


def test_nothing_completes() -> None:
    """A handler that returns nothing has completed without a result."""
    outcome = returned(make_held(), None)

    assert isinstance(outcome, Completed)
    assert outcome.result is None


def test_the_result_is_kept_as_it_was_returned() -> None:
    """What a handler does to its result after returning it changes nothing and spoils nothing."""
    shared: dict[str, Any] = {"count": 1}
    outcome = returned(make_held(), shared)
    shared["count"] = object()

    assert isinstance(outcome, Completed)
    assert orjson.dumps(outcome.result) == b'{"count":1}'


@pytest.mark.parametrize(("result", "reason"), UNSTORABLE.values(), ids=UNSTORABLE.keys())
def test_what_cannot_be_stored_fails(result: Any, reason: str) -> None:
    """A result that PostgreSQL cannot keep fails the attempt with the reason, and is itself not kept."""
    outcome = returned(make_held(), result)

    assert isinstance(outcome, Failed)
    assert "The handler's result" in outcome.error
    assert reason in outcome.error
    assert not outcome.give_up


def test_the_largest_result_completes() -> None:
    """A result of exactly the size allowed is stored; one byte more is not."""
    assert isinstance(returned(make_held(), "x" * (RESULT_BYTES - 2)), Completed)
    assert isinstance(returned(make_held(), "x" * (RESULT_BYTES - 1)), Failed)


def test_an_error_keeps_type_message_and_traceback() -> None:
    """What a handler raised is kept with its type, its message, and where it came from, the type first."""
    outcome = _raised(ValueError("no such thing"))

    assert outcome.error.startswith("ValueError: no such thing\n")
    assert 'test_outcome.py", line' in outcome.error
    assert "in _raised" in outcome.error


def test_causes_notes_and_groups_are_kept() -> None:
    """An error's cause, its notes and its group are in the text, and the first line is its own type and message."""
    error = ExceptionGroup("two went wrong", [ValueError("first"), KeyError("second")])
    error.add_note("remember this")
    error.__cause__ = OSError("the disk")
    outcome = _raised(error)

    assert outcome.error.startswith("ExceptionGroup: two went wrong (2 sub-exceptions)\n")
    for part in ("ValueError: first", "KeyError: 'second'", "remember this", "OSError: the disk"):
        assert part in outcome.error


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit()])
def test_exits_are_errors(error: BaseException) -> None:
    """SystemExit and its like are a failed attempt, named by type."""
    assert _raised(error).error.startswith(type(error).__name__)


def test_an_error_that_cannot_say_what_it_is() -> None:
    """An error whose own text raises is kept by its type."""
    assert _raised(_Mute()).error.startswith("_Mute\n")


def test_giving_up() -> None:
    """GiveUp fails for good with its own sentence and no traceback."""
    outcome = _raised(GiveUp("the customer is gone"))

    assert outcome.give_up
    assert outcome.error == "the customer is gone"


def test_the_wait_follows_the_queue() -> None:
    """The wait before the next attempt is the queue's back-off for this attempt."""
    held = make_held(attempts=3, backoff=Backoff(base_seconds=2, factor=3, jitter=False))

    assert failed(held, "no").delay_seconds == 18


def _rules(**rules: Any) -> Handler:
    app = App()
    app.handler("work", **rules)(print)
    handler = app.resolve("work", None)
    assert handler is not None
    return handler


@pytest.mark.parametrize(("delay", "seconds"), [(0, 0), (1.5, 1.5), (timedelta(minutes=2), 120)])
def test_snoozing(delay: Any, seconds: float) -> None:
    """A handler that raises Snooze puts its item off for so many seconds."""
    outcome = raised(make_held(), Snooze(delay))

    assert isinstance(outcome, Snoozed)
    assert outcome.delay_seconds == seconds


@pytest.mark.parametrize("delay", [-1, float("nan"), float("inf"), DELAY_SECONDS + 1, True, "1", None])
def test_a_snooze_of_nonsense_fails(delay: Any) -> None:
    """A delay that is no number of seconds, or too many, is a failed attempt that says so."""
    outcome = raised(make_held(), Snooze(delay))

    assert isinstance(outcome, Failed)
    assert outcome.error.startswith("The delay must be a number of seconds from 0 to")


def test_errors_to_give_up_on() -> None:
    """An error of a class the handler gives up on fails for good, with its traceback; any other is retried."""
    rules = _rules(give_up_on=(LookupError,))
    hopeless, other = (raised(make_held(), error, rules=rules) for error in (KeyError("a"), ValueError("b")))

    assert isinstance(hopeless, Failed)
    assert isinstance(other, Failed)
    assert (hopeless.give_up, other.give_up) == (True, False)
    assert hopeless.error.startswith("KeyError: 'a'\n")


def test_a_handlers_own_backoff() -> None:
    """The wait is what the handler's own function says of the attempt and the error, in place of the queue's."""
    rules = _rules(backoff=lambda attempt, error: 100 * attempt + len(str(error)))
    outcome = raised(make_held(attempts=3), ValueError("four"), rules=rules)

    assert isinstance(outcome, Failed)
    assert outcome.delay_seconds == 304


@pytest.mark.parametrize("answer", [-1, None, "soon", float("nan"), ZeroDivisionError, SystemExit])
def test_a_backoff_of_nonsense_is_the_queues(answer: Any) -> None:
    """A back-off function that raises or says no number of seconds is logged, and the queue's own counts."""

    def backoff(_attempt: int, _error: BaseException) -> Any:
        if isinstance(answer, type):
            raise answer
        return answer

    held = make_held(attempts=3, backoff=Backoff(base_seconds=2, factor=3, jitter=False))
    with capture_logs() as logs:
        outcome = raised(held, ValueError("no"), rules=_rules(backoff=backoff))

    assert isinstance(outcome, Failed)
    assert outcome.delay_seconds == 18
    assert [line["event"] for line in logs] == ["backoff_failed"]
