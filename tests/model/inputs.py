"""What the state machine draws: small numbers that name what is there, and items to enqueue."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st
from tests.fixtures.clock import START
from tests.model.steps import Fate

from fairlead.services.item_rules import ItemInput

# The same few keys and instants come again and again, so that they meet.
_UNIQUE: list[dict[str, Any]] = [
    {},
    {},
    {"unique_key": "x"},
    {"unique_key": "x", "unique_while": "waiting"},
    {"unique_key": "y", "unique_while": "waiting"},
    {"unique_key": "p", "unique_seconds": 20},
]
_DUE: list[dict[str, Any]] = [
    {},
    {},
    {},
    {"delay_seconds": 0},
    {"delay_seconds": 7},
    {"scheduled_for": datetime.fromtimestamp(START + 15, UTC)},
    {"scheduled_for": datetime.fromtimestamp(START + 60, UTC)},
]


def _input(unique: dict[str, Any], due: dict[str, Any], **rest: Any) -> ItemInput:
    return ItemInput({}, **unique, **due, **rest)


PLACES = st.integers(0, 15)
ORGANIZATIONS = st.integers(0, 1)
QUEUE_LIMITS = ("max_concurrency", "rate_limit", "max_depth", "retention_seconds")
LIMITS = st.sampled_from([*QUEUE_LIMITS, "max_concurrency of all", "max_queue_depth of all"])
MOST = st.sampled_from([1, 2, 100])
TURNS = st.sampled_from(
    [("rescue", "promote", "advance"), ("advance",), ("rescue",), ("promote",), ("prune",), ("keep_accounts",), ()]
)
SEVERAL = st.lists(PLACES, min_size=1, max_size=4, unique=True)
DELAYS = st.sampled_from([0, 0, 6])
AS_FLEET = st.booleans()
LIMIT = st.sampled_from([None, None, 1, 2, 4, 8])
FATES = st.sampled_from([Fate.COMMITTED] * 96 + [Fate.GIVEN_UP] * 3 + [Fate.KILLED])
INPUTS = st.lists(
    st.builds(
        _input,
        st.sampled_from(_UNIQUE),
        st.sampled_from(_DUE),
        priority=st.sampled_from([None, None, 5, -5]),
        max_attempts=st.sampled_from([None, None, 1, 2]),
        ordering_key=st.sampled_from([None, None, None, "a", "b"]),
        on_conflict=st.sampled_from(["reject", "return", "replace"]),
    ),
    min_size=1,
    max_size=4,
)
SOURCES = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from([1, 2, 10]), st.sampled_from([None, 5]), st.integers(0, 3)),
    min_size=1,
    max_size=3,
    unique_by=lambda drawn: drawn[0],
)
CHANGES: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [
        {"payload": {"number": -1}},
        {"priority": 9},
        {"max_attempts": 1},
        {"max_attempts": 4},
        {"scheduled_for": None},
        {"scheduled_for": datetime.fromtimestamp(START + 5, UTC)},
        {"scheduled_for": datetime.fromtimestamp(START + 90, UTC), "priority": -9},
    ]
)
