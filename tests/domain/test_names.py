from __future__ import annotations

from unicodedata import normalize

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fairlead.domain.limits import DESCRIPTION_CHARACTERS, EMAIL_CHARACTERS, NAME_CHARACTERS, SLUG_CHARACTERS
from fairlead.domain.names import canonical_email, email_problem, name_problem, slug_problem


@given(st.text(max_size=60))
@example("J\u030c@example.com")  # the small letter has a composed form, the capital has none
def test_the_canonical_form_is_final(text: str) -> None:
    """Canonicalizing a canonical address changes nothing, whatever it was made from."""
    once = canonical_email(text)
    assert canonical_email(once) == once


@pytest.mark.parametrize(
    "written",
    ["ada@example.com", " Ada@Example.COM\n", "ADA@EXAMPLE.COM", "\uff41da@example.com", "ada\uff20example\uff0ecom"],
)
def test_one_address_has_one_form(written: str) -> None:
    """Case, blanks around it and compatibility characters make no second address."""
    assert canonical_email(written) == "ada@example.com"


@pytest.mark.parametrize("letter", ["h\u0331", "t\u0308", "w\u030a", "y\u030a", "j\u030c"], ids=ascii)
def test_capitals_with_marks_make_no_second_address(letter: str) -> None:
    """A letter with a mark gives one form written small or capital, composed or not: nobody can be imitated by it."""
    small, composed, capital = letter, normalize("NFC", letter), letter.upper()
    assert len({canonical_email(f"{form}@example.com") for form in (small, composed, capital)}) == 1


@pytest.mark.parametrize(
    "address",
    ["ada@example.com", "a@b", "a+tag@mail.example.org", "o'brien@example.ie", "mañana@exámple.es", "a.b.c@x-y.z"],
)
def test_addresses_are_accepted(address: str) -> None:
    """Ordinary addresses, also with tags, apostrophes and letters beyond ASCII, are accepted."""
    assert email_problem(canonical_email(address)) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ada",
        "@example.com",
        "ada@",
        "a b@example.com",
        "a@b@c",
        "a@b..c",
        "ada(one)@example.com",
        "(one)ada@example.com",
        "ada@example.com(one)",
        "<ada@example.com>",
        '"ada"@example.com',
        "a:ada@example.com;",
        "ada,@example.com",
        "ada\\@example.com",
        "ada@[127.0.0.1]",
        "a@.b",
        "a@b.",
        "a\0@b",
        "a\ud800@b",
        "a@b\x7f",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    """Text without the form of an address, or with a control character in it, is refused."""
    assert email_problem(text) == "is not an e-mail address"


def test_an_address_has_a_longest_length() -> None:
    """An address as long as allowed is accepted, and one character more is refused."""
    longest = "a" * (EMAIL_CHARACTERS - 2) + "@b"
    assert email_problem(longest) is None
    assert email_problem("a" + longest) == "is longer than 254 characters"


@pytest.mark.parametrize("slug", ["a", "0", "acme", "acme-2", "a--b", "a" * SLUG_CHARACTERS])
def test_slugs_are_accepted(slug: str) -> None:
    """Lower-case letters and digits, with hyphens between them, make a slug."""
    assert slug_problem(slug) is None


@pytest.mark.parametrize(
    "text", ["", "-", "-a", "a-", "A", "a b", "a_b", "é", "a\n", "a" * (SLUG_CHARACTERS + 1), "٣", "a.b"]
)
def test_what_is_no_slug_is_refused(text: str) -> None:
    """Anything else, line ends, capitals and other scripts' digits included, is refused with the rule."""
    assert slug_problem(text) == "must be 1 to 63 lower-case letters or digits, with hyphens between them"


@pytest.mark.parametrize("name", ["x", "x y", "Ünïcode 🛶", "a" * NAME_CHARACTERS, "<script>", "'; drop table"])
def test_names_are_accepted(name: str) -> None:
    """A name may be any text that can be shown on a line."""
    assert name_problem(name) is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "must not be empty"),
        (" \t ", "must not be empty"),
        ("\u2003", "must not be empty"),
        ("a" * (NAME_CHARACTERS + 1), "is longer than 100 characters"),
        ("a\0", "contains a control character or half of a surrogate pair"),
        ("a\nb", "contains a control character or half of a surrogate pair"),
        ("a\x85b", "contains a control character or half of a surrogate pair"),
        (" x", "must not begin or end with a blank"),
        ("x\u00a0", "must not begin or end with a blank"),
        ("a\ud800", "contains a control character or half of a surrogate pair"),
    ],
    ids=repr,
)
def test_what_is_no_name_is_refused(text: str, sentence: str) -> None:
    """Nothing, too much, control characters and halves of surrogate pairs are refused with their reason."""
    assert name_problem(text) == sentence


def test_a_longer_limit_can_be_given() -> None:
    """A description may be longer than a name, up to the limit given for it."""
    text = "a" * DESCRIPTION_CHARACTERS
    assert name_problem(text, most=DESCRIPTION_CHARACTERS) is None
    assert name_problem(text + "a", most=DESCRIPTION_CHARACTERS) == "is longer than 500 characters"
