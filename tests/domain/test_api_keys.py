from __future__ import annotations

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.domain.api_keys import (
    VISIBLE_CHARACTERS,
    KeyKind,
    is_well_formed,
    key_hash,
    kind_of,
    new_key,
    visible_prefix,
)

BASE62 = string.digits + string.ascii_letters
FORM = re.compile(r"flk_(live|test)_[0-9A-Za-z]{32}[0-9A-Za-z]{6}")
_KINDS = st.sampled_from(["live", "test"])


@given(_KINDS)
def test_a_new_key_has_the_form(kind: KeyKind) -> None:
    """A key says its kind, then 32 characters of secret and 6 of checksum, and is well formed."""
    key = new_key(kind)
    match = FORM.fullmatch(key)
    assert match is not None
    assert match[1] == kind
    assert is_well_formed(key)


@given(_KINDS)
def test_the_visible_part_tells_the_kind(kind: KeyKind) -> None:
    """What is shown of a key is enough to say of which kind it is."""
    assert kind_of(visible_prefix(new_key(kind))) == kind


def test_keys_are_unique() -> None:
    """No two of ten thousand keys are the same, nor their visible parts alone enough to make one."""
    keys = {new_key() for _ in range(10_000)}
    assert len(keys) == 10_000


@given(_KINDS, st.data())
def test_one_changed_character_is_refused(kind: KeyKind, data: st.DataObject) -> None:
    """Any character of a key changed for any other makes it junk."""
    key = new_key(kind)
    place = data.draw(st.integers(0, len(key) - 1))
    other = data.draw(st.sampled_from([character for character in BASE62 + "_-é" if character != key[place]]))
    assert not is_well_formed(key[:place] + other + key[place + 1 :])


@given(_KINDS, st.data())
def test_neighbours_swapped_are_refused(kind: KeyKind, data: st.DataObject) -> None:
    """Two neighbouring characters swapped, a slip of typing, make it junk."""
    key = new_key(kind)
    place = data.draw(st.integers(0, len(key) - 2))
    swapped = key[:place] + key[place + 1] + key[place] + key[place + 2 :]
    assert is_well_formed(swapped) == (swapped == key)


@given(_KINDS, st.integers(0, 46))
def test_a_part_of_a_key_is_refused(kind: KeyKind, length: int) -> None:
    """A key cut short, doubled, or with something around it is junk."""
    key = new_key(kind)
    assert not any(map(is_well_formed, (key[:length], key * 2, f" {key}", f"{key}\n", f"{key}0")))


@given(st.text(max_size=60))
def test_any_text_may_be_asked_about(text: str) -> None:
    """Whatever text comes in, the answer is no error."""
    assert not is_well_formed(text)


@pytest.mark.parametrize("text", ["", "flk_live_", "\0" * 47, "é" * 47, "\ud800" * 47, "flk_live_" + "٣" * 38])
def test_junk_is_refused(text: str) -> None:
    """Nothing, NULs, other alphabets and halves of surrogate pairs are refused."""
    assert not is_well_formed(text)


def test_the_visible_prefix_gives_little_away() -> None:
    """What is shown of a key is its kind and seven of its 32 secret characters: 149 bits stay hidden."""
    key = new_key("test")
    shown = visible_prefix(key)
    assert (shown, len(shown)) == (key[:16], VISIBLE_CHARACTERS)
    assert shown.startswith("flk_test_")


def test_a_hash_depends_on_key_and_pepper() -> None:
    """The stored hash is 64 hexadecimal digits, the same for the same input, another for another key or pepper."""
    first, second = new_key(), new_key()
    hashes = {key_hash(key, pepper=pepper) for key in (first, second) for pepper in (b"one", b"two")}
    assert len(hashes) == 4
    assert all(re.fullmatch(r"[0-9a-f]{64}", made) for made in hashes)
    assert key_hash(first, pepper=b"one") in hashes
    assert not any(first[9:41] in made for made in hashes)
