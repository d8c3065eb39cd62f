from __future__ import annotations

import os
import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.domain.ids import is_id, new_id, new_ids

FORM = re.compile(r"[a-z][0-9a-z]{23}")


@given(st.integers(min_value=0, max_value=50))
def test_ids_have_the_form(count: int) -> None:
    """Every id is 24 characters of base 36, the first a letter, and there are as many as were asked for."""
    ids = new_ids(count)
    assert len(ids) == count
    assert all(FORM.fullmatch(made) and is_id(made) for made in ids)


def test_ids_are_unique() -> None:
    """Of a hundred thousand ids no two are the same, within a block and across blocks."""
    ids = [*new_ids(50_000), *new_ids(49_999), new_id()]
    assert len(set(ids)) == 100_000


def test_every_character_is_as_likely_as_another() -> None:
    """At each place each character comes up about as often as any other: no place gives anything away."""
    ids = new_ids(100_000)
    for place in range(24):
        counts = Counter(made[place] for made in ids)
        expected = len(ids) / (26 if place == 0 else 36)
        assert len(counts) == (26 if place == 0 else 36)
        # Seven standard deviations: chance alone fails this once in a thousand million runs.
        assert all(abs(count - expected) < 7 * expected**0.5 for count in counts.values()), place


def test_a_forked_process_makes_other_ids() -> None:
    """Two processes that come from one by fork make different ids: the module keeps no state of its own."""
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:
        os.write(writing, "".join(new_ids(10)).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as stream:
        theirs = stream.read()
    os.waitpid(child, 0)
    assert len(theirs) == 240
    assert not [made for made in new_ids(10) if made in theirs]


@given(st.text(max_size=40) | st.from_regex(FORM, fullmatch=True))
def test_only_the_form_is_an_id(text: str) -> None:
    """Text is an id exactly when it has the form, for any text at all."""
    assert is_id(text) == (FORM.fullmatch(text) is not None and text.isascii())


@pytest.mark.parametrize(
    "text", ["", "a" * 23, "a" * 25, "1" + "a" * 23, "A" + "a" * 23, "a" * 23 + "é", "a" * 24 + "\n", "\n" + "a" * 24]
)
def test_what_only_looks_like_an_id_is_none(text: str) -> None:
    """Too short, too long, a digit first, a capital, another alphabet or a line end: not an id."""
    assert not is_id(text)
