from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.errors import ValidationFailed
from fairlead.services import organizations, roles, users
from fairlead.services.checks import Check, named, problems, ranged, refuse, refuse_fields, text_problem
from fairlead.services.queue_rules import QUEUE_CHECKS

EVERY_CHECK = [
    check for checks in (organizations._CHECKS, users._CHECKS, QUEUE_CHECKS, roles._CHECKS) for check in checks.values()
]
_PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.builds(object)
ANYTHING = st.recursive(
    _PLAIN, lambda inner: st.lists(inner) | st.tuples(inner) | st.dictionaries(st.text(), inner), max_leaves=4
)


def test_what_is_fine_passes() -> None:
    """Fields without a problem are no error."""
    refuse({})
    refuse({"name": None, "email": None})


def test_every_problem_is_in_one_error() -> None:
    """All fields that are wrong are named together, each with its sentence, and no other."""
    with pytest.raises(ValidationFailed) as refused:
        refuse({"name": "must be text", "email": None, "image": "is too long"})
    assert refused.value.details == {"name": "must be text", "image": "is too long"}


def test_only_what_has_a_check_can_be_given() -> None:
    """A field that nobody checks is refused by name; one that is not given is not asked for."""
    checks: dict[str, Check] = {"name": named, "image": text_problem}
    assert problems({"name": "Ada", "colour": "red"}, checks=checks) == {"name": None, "colour": "cannot be given here"}
    with pytest.raises(ValidationFailed) as refused:
        refuse_fields({"name": None, "colour": "red"}, checks=checks)
    assert refused.value.details == {"name": "must be text", "colour": "cannot be given here"}


@pytest.mark.parametrize("value", [1, 10, 5])
def test_a_number_in_its_range_is_fine(value: int) -> None:
    """Both ends of a range belong to it."""
    assert ranged(1, 10)(value) is None


@pytest.mark.parametrize("value", [0, 11, -1, True, "5", [5], 5.5, 5.0, math.nan, math.inf, 10**400, None])
def test_anything_else_is_not(value: Any) -> None:
    """A number outside, a fraction, a truth value, a text and nothing at all are refused."""
    assert ranged(1, 10)(value) is not None


@pytest.mark.parametrize("whole", [True, False])
def test_what_is_no_number_is_not_told_of_its_range(*, whole: bool) -> None:
    """A value of another type is told what type it should have; a number out of range, what the range is."""
    assert ranged(1, 10, whole=whole)("5") == ("must be a whole number" if whole else "must be a number")
    assert ranged(1, 10, whole=whole)(11) == "must be between 1 and 10"


def test_no_limit_can_be_asked_for() -> None:
    """Where a limit may be missing None is fine, and only None."""
    assert ranged(1, 10, optional=True)(None) is None
    assert ranged(1, 10, optional=True)(0) == "must be between 1 and 10"


@pytest.mark.parametrize("value", [1, 1.5, 10.0])
def test_times_may_have_fractions(value: float) -> None:
    """Where fractions mean something they are fine."""
    assert ranged(1, 10, whole=False)(value) is None


@pytest.mark.parametrize("value", [math.nan, math.inf, 10.5, True, "1.5"])
def test_times_have_bounds_too(value: Any) -> None:
    """What is no number, or an endless one, is refused there as well."""
    assert ranged(1, 10, whole=False)(value) is not None


@pytest.mark.parametrize("text", [None, "", "two\nlines", "x" * 500, "😀" * 500])
def test_free_text_is_free(text: str | None) -> None:
    """Text may be missing or empty and have lines; its length is counted in characters."""
    assert text_problem(text) is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("x" * 501, "is longer than 500 characters"),
        (5, "must be text"),
        (b"bytes", "must be text"),
        ("a\x00", "contains a character that cannot be stored"),
        ("a\ud800", "contains a character that cannot be stored"),
    ],
)
def test_what_cannot_be_stored_is_refused(text: Any, sentence: str) -> None:
    """Text that is too long, none at all, or not storable is refused with a sentence that says why."""
    assert text_problem(text) == sentence


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "a\nb", "a\x00", "a\udc00", None, 5, ["Ada"]])
def test_names_are_lines_of_text(name: Any) -> None:
    """A name is a line with something in it."""
    assert named(name) is not None
    assert named("Ada Lovelace") is None


@given(value=ANYTHING)
def test_a_check_survives_anything(value: Any) -> None:
    """Whatever is given, each check of each service says a sentence or nothing, and never fails itself."""
    assert [check for check in EVERY_CHECK if not isinstance(check(value), str | None)] == []
