from __future__ import annotations

import pytest

from fairlead.domain.passwords import canonical_password, password_problem

COMMON = frozenset({"password", "trustno1"})


@pytest.mark.parametrize("fine", ["12345678x", "äöüß", "x y z 1 ", "a" * 1023 + "b", "pässwörd"])
def test_any_eight_bytes_will_do(fine: str) -> None:
    """From 8 to 1,024 bytes everything is a password, spaces and letters of any alphabet included."""
    assert password_problem(fine, common=COMMON) is None


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ("1234567", "bytes long"),
        ("a" * 1024 + "b", "bytes long"),
        ("ä" * 513, "bytes long"),
        ("", "bytes long"),
        ("PassWord", "tried first"),
        ("".join(chr(ord(letter) + 0xFEE0) for letter in "PASSWORD"), "tried first"),
        ("zzzzzzzzzzzz", "tried first"),
        ("ada.lovelace@example.org", "tried first"),
        ("Ada.Lovelace", "tried first"),
        ("\ud800" * 8, "surrogate"),
    ],
)
def test_what_is_tried_first_is_refused(wrong: str, why: str) -> None:
    """Too short, too long, common in any case or form, one character, or the address itself: each is refused."""
    assert why in (password_problem(wrong, common=COMMON, email="ada.lovelace@example.org") or "")


def test_a_password_is_the_same_from_every_keyboard() -> None:
    """The accent may come with its letter or after it."""
    assert canonical_password("cafe\u0301") == canonical_password("caf\u00e9")
