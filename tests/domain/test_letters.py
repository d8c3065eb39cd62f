from __future__ import annotations

import pytest

from fairlead.domain import letters
from fairlead.domain.letters import Letter

TOKEN = "flv_" + "x" * 43
URL = "https://queues.test"
LETTERS = [
    letters.sign_up_letter("ada@example.org", token=TOKEN, organization="Acme", url=URL),
    letters.verification_letter("ada@example.org", token=TOKEN, url=URL),
    letters.reset_letter("ada@example.org", token=TOKEN, url=URL),
]


@pytest.mark.parametrize("letter", LETTERS, ids=lambda letter: letter.subject)
def test_a_token_stands_on_a_line_of_its_own(letter: Letter) -> None:
    """A token can be copied as a line, the address is the public one, and whoever did not ask is told to do nothing."""
    assert f"    {TOKEN}" in letter.body.splitlines()
    assert f"{URL}/api/auth/" in letter.body
    assert "do nothing" in letter.body
    assert letter.body.isascii()
    assert TOKEN not in repr(letter) + letter.subject


def test_the_owner_of_an_account_gets_no_token() -> None:
    """Who has an account already is told so, and given nothing that could be shown."""
    letter = letters.known_letter("ada@example.org", url=URL)
    assert "flv_" not in letter.body
    assert URL in letter.body
