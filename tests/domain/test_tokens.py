from __future__ import annotations

import pytest

from fairlead.domain.tokens import SESSION_PREFIX, is_session_token, new_token, token_hash


def test_tokens_are_long_and_never_the_same() -> None:
    """A token has 256 random bits, none of which come twice."""
    drawn = {new_token() for _ in range(1000)}

    assert len(drawn) == 1000
    assert {len(token) for token in drawn} == {43}


def test_what_is_kept_says_nothing_of_the_token() -> None:
    """The hash is always the same for a token, another for another, and holds nothing of it."""
    token = new_token()

    assert token_hash(token) == token_hash(token) != token_hash(f"{token}x")
    assert token not in token_hash(token)
    assert len(token_hash("half a pair: \ud800")) == 64


@pytest.mark.parametrize(
    "text", ["", SESSION_PREFIX, new_token(), f"{new_token(SESSION_PREFIX)}x", "fls_" + "é" * 43], ids=range(5)
)
def test_junk_is_no_session_token(text: str) -> None:
    """Only the prefix and 43 characters of the alphabet have the form of a session's token."""
    assert is_session_token(new_token(SESSION_PREFIX))
    assert not is_session_token(text)
