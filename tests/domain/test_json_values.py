from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.domain.json_values import object_problem, problem, storable, value_problem
from fairlead.domain.limits import JSON_DEPTH

# Everything but NUL and surrogates, which jsonb cannot keep.
_TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(min_value=-(2**63), max_value=2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | _TEXT
)
_VALUES = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4), max_leaves=25
)
_OBJECTS = st.dictionaries(_TEXT, _VALUES, max_size=5)


@given(_OBJECTS)
def test_what_can_be_written_can_be_kept(value: dict[str, Any]) -> None:
    """Every JSON object without the characters that jsonb refuses is accepted, and reads back as itself."""
    assert problem(value) is None
    assert orjson.loads(orjson.dumps(value)) == value


@given(_OBJECTS, st.sampled_from(["\0", "\ud800", "\udfff", "a\udc00b"]))
def test_a_bad_character_anywhere_is_refused(value: dict[str, Any], bad: str) -> None:
    """A NUL or half a surrogate pair is refused wherever it stands, as a value or as a key, whatever is around it."""
    for worse in ({**value, "last": bad}, {**value, "last": {bad: 1}}, {**value, "last": [0, [bad]]}, {bad: value}):
        assert problem(worse) is not None


REFUSED: list[tuple[Any, str]] = [
    ({"a": "x\0"}, "'a' contains a NUL character"),
    ({"a": ["x", "\0"]}, "'a[1]' contains a NUL character"),
    ({"a": {"b": "\ud800"}}, "'a.b' contains half of a surrogate pair"),
    ({"a\0": 1}, "' key' contains a NUL character"),
    ({"a": {"b\0": 1}}, "'a key' contains a NUL character"),
    ({"a": math.nan}, "'a' is not a finite number"),
    ({"a": [1.5, -math.inf]}, "'a[1]' is not a finite number"),
    ({"a": {"b": [{"c": 2**63}]}}, "'a.b[0].c' is an integer beyond 64 bits"),
    ({"a": -(2**63) - 1}, "'a' is an integer beyond 64 bits"),
    ({"a": {1: 2}}, "'a' has a key that is not a string"),
    ({"a": datetime(2026, 1, 1, tzinfo=UTC)}, "'a' is a datetime, which JSON does not have"),
    ({"a": {1, 2}}, "'a' is a set, which JSON does not have"),
    ({"a": b"x"}, "'a' is a bytes, which JSON does not have"),
    ("\0", "it contains a NUL character"),
    (math.nan, "it is not a finite number"),
]


@pytest.mark.parametrize(("value", "sentence"), REFUSED, ids=[sentence for _, sentence in REFUSED])
def test_a_refusal_names_the_place(value: object, sentence: str) -> None:
    """What cannot be kept is refused with the place and the reason."""
    assert problem(value) == sentence


@pytest.mark.parametrize("edge", [2**63 - 1, -(2**63), 1e308, -0.0, True, "", "🛶", "\x01", "퟿"])
def test_values_at_the_edge_are_kept(edge: object) -> None:
    """The largest and smallest integers, floats, an empty text and characters beyond the first plane are accepted."""
    assert problem({"a": edge}) is None


@pytest.mark.parametrize("kind", ["list", "object"])
def test_depth_has_a_limit(kind: str) -> None:
    """A value nested as deeply as allowed is accepted and one level more is refused, lists and objects alike."""

    def nested(levels: int) -> object:
        value: object = 1
        for _ in range(levels):
            value = [value] if kind == "list" else {"a": value}
        return value

    assert problem(nested(JSON_DEPTH)) is None
    assert "is nested more than 32 levels deep" in (problem(nested(JSON_DEPTH + 1)) or "")
    assert "is nested more than 32 levels deep" in (problem(nested(100_000)) or "")


def test_a_place_can_itself_be_printed() -> None:
    """A place whose name holds what cannot be encoded is still a sentence that can be sent and logged."""
    for value in ({"\ud800": math.nan}, {"a\0": [math.nan]}, {"é": {"\udfff": "\0"}}):
        sentence = problem(value)
        assert sentence is not None
        assert "\0" not in sentence
        assert sentence.encode()


@pytest.mark.parametrize("value", [[], "a", 1, None, True])
def test_only_objects_are_objects(value: object) -> None:
    """Any other JSON value is refused where an object is wanted."""
    assert object_problem(value, write=orjson.dumps, most_bytes=100) == "must be a JSON object"


@pytest.mark.parametrize("value", [[], "a", 1, None, True, {}])
def test_any_value_is_a_value(value: object) -> None:
    """Where any JSON value will do, one of each kind does."""
    assert value_problem(value, write=orjson.dumps, most_bytes=100) is None


def test_a_value_has_a_size() -> None:
    """A value may be as long as allowed, in the bytes it is written in, and must be one that can be kept."""
    assert value_problem("é", write=orjson.dumps, most_bytes=4) is None
    assert value_problem("é", write=orjson.dumps, most_bytes=3) == "is 4 bytes long, more than 3"
    assert value_problem("\0", write=orjson.dumps, most_bytes=100) == "it contains a NUL character"


def test_an_object_has_a_size() -> None:
    """An object may be as long as allowed, in the bytes it is written in, and not one byte longer."""
    value = {"é": "é"}
    assert len(orjson.dumps(value)) == 11
    assert object_problem(value, write=orjson.dumps, most_bytes=11) is None
    assert object_problem(value, write=orjson.dumps, most_bytes=10) == "is 11 bytes long, more than 10"
    assert object_problem({"a": "\0"}, write=orjson.dumps, most_bytes=100) == "'a' contains a NUL character"


@given(st.text(st.characters(codec=None, exclude_categories=()), max_size=20), st.integers(0, 60))
def test_any_text_can_be_made_storable(text: str, padding: int) -> None:
    """Any text at all becomes one that PostgreSQL keeps, of as many characters at most, beginning as it did."""
    kept = storable("x" * padding + text, most=50)

    assert problem(kept) is None
    assert len(kept) <= 50
    assert kept.startswith("x" * min(padding, 50))


def test_what_is_mended_stays_readable() -> None:
    """What cannot be stored is written so that a reader sees what it was."""
    assert storable("a\x00b\ud800ü", most=50) == "a\\0b\\ud800ü"
