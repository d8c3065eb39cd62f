from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from fairlead.domain.ids import new_id
from fairlead.errors import ValidationFailed
from fairlead.queries.cursors import seal, unseal
from fairlead.queries.page import Position

SECRET, OTHER_SECRET = b"a secret of at least thirty-two bytes", b"another secret, as long as the first"
HERE = Position(datetime(2026, 11, 23, 12, 30, 15, 123456, tzinfo=UTC), new_id())
CURSOR = seal(HERE, secret=SECRET, of="the list")

_OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
POSITIONS = st.builds(
    Position,
    st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(9000, 1, 1), timezones=_OFFSETS),  # noqa: DTZ001
    st.text(st.characters(exclude_categories=["Cs"])),
)
ANY_TEXT = st.text(st.characters(exclude_categories=[]))  # half surrogate pairs too


def _refused(cursor: str, *, secret: bytes = SECRET, of: str = "the list") -> None:
    with pytest.raises(ValidationFailed) as refused:
        unseal(cursor, secret=secret, of=of)
    assert refused.value.details.keys() == {"cursor"}


@given(POSITIONS, ANY_TEXT, st.binary(min_size=1))
def test_a_cursor_comes_back_as_its_position(position: Position, of: str, secret: bytes) -> None:
    """What was sealed is unsealed with the same secret for the same list, to the microsecond."""
    cursor = seal(position, secret=secret, of=of)
    assert unseal(cursor, secret=secret, of=of) == position


@given(POSITIONS)
def test_a_cursor_may_stand_in_an_address(position: Position) -> None:
    """A cursor is of characters that mean nothing in a URL's query, and tells the secret to nobody."""
    cursor = seal(position, secret=SECRET, of="the list")
    assert cursor.isascii()
    assert set(cursor) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=")
    assert SECRET not in urlsafe_b64decode(cursor)


@given(ANY_TEXT)
@example("")
@example("=")
@example("A")
@example("AAAA")
@example("A" * 22 + "==")
@example("\ud800")
@example("\0")
@example("é" * 40)
@example(CURSOR.rstrip("=") + "\n" if CURSOR.endswith("=") else CURSOR + "\n")
def test_junk_is_refused(junk: str) -> None:
    """Any text that is no cursor is ValidationFailed naming the cursor, and never another error."""
    assume(junk != CURSOR)
    _refused(junk)


@given(st.binary(max_size=80))
def test_junk_in_a_cursors_clothes_is_refused(junk: bytes) -> None:
    """Bytes that nobody signed are refused, however well they are wrapped."""
    _refused(urlsafe_b64encode(junk).decode())


@given(st.integers(0, len(CURSOR) - 1))
def test_a_part_is_refused(length: int) -> None:
    """A cursor that lost its end, or its beginning, is refused."""
    _refused(CURSOR[:length])
    _refused(CURSOR[len(CURSOR) - length :])


@given(st.integers(0, len(CURSOR) - 1), st.characters(exclude_categories=[]))
def test_a_changed_character_is_refused(place: int, character: str) -> None:
    """A cursor is refused as soon as one character of it is another one."""
    assume(CURSOR[place] != character)
    _refused(CURSOR[:place] + character + CURSOR[place + 1 :])


@given(st.integers(0, len(CURSOR)), ANY_TEXT.filter(bool))
def test_a_cursor_with_more_in_it_is_refused(place: int, more: str) -> None:
    """Nothing may be slipped into a cursor, not even what a decoder would pass over: a position has one text."""
    _refused(CURSOR[:place] + more + CURSOR[place:])


@given(ANY_TEXT.filter(lambda of: of != "the list"))
@example("the list ")
@example("")
def test_a_cursor_of_another_list_is_refused(of: str) -> None:
    """A cursor is good for the list it came from and for no other, not under another filter either."""
    _refused(CURSOR, of=of)


@given(st.binary().filter(lambda secret: secret != SECRET))
@example(OTHER_SECRET)
def test_a_cursor_under_another_secret_is_refused(secret: bytes) -> None:
    """Only who knows the secret makes cursors."""
    assume(secret.rstrip(b"\0") != SECRET)  # a key of an HMAC is filled up with zeros
    _refused(CURSOR, secret=secret)


@given(POSITIONS, POSITIONS)
def test_the_signature_belongs_to_its_position(one: Position, other: Position) -> None:
    """The signature of one position does not vouch for another."""
    assume(one != other)
    sealed, forged = (urlsafe_b64decode(seal(place, secret=SECRET, of="the list")) for place in (one, other))
    assume(sealed[16:] != forged[16:])
    _refused(urlsafe_b64encode(sealed[:16] + forged[16:]).decode())
