from __future__ import annotations

import pytest
from sqlalchemy import MetaData

from fairlead.schema import metadata
from fairlead.studio.secrecy import is_secret

SECRET = [
    "password",
    "passwordHash",
    "password_hash",
    "encrypted_password",
    "key_hash",
    "token",
    "refresh_token",
    "accessToken",
    "client_secret",
    "api_key",
    "apiKey",
    "private_key",
    "totp_secret",
    "salt",
    "token_encrypted",
    "signing_key",
    "cvv",
    "recovery_codes",
    "stripe_secret_key",
]
OPEN = [
    "name",
    "email",
    "key_prefix",
    "unique_key",
    "ordering_key",
    "password_hint_shown",
    "tokenizer",
    "author",
    "secretary",
]


@pytest.mark.parametrize("name", SECRET)
def test_a_name_gives_a_secret_away(name: str) -> None:
    """A column of text that is called like a secret is one, in snake case or camel case."""
    assert is_secret(name, info={}, category="S")


@pytest.mark.parametrize("name", OPEN)
def test_other_names_do_not(name: str) -> None:
    """A column that only sounds a little like a secret is shown."""
    assert not is_secret(name, info={}, category="S")


@pytest.mark.parametrize("category", "BDTN")
def test_what_cannot_hold_a_secret(category: str) -> None:
    """A flag, an instant or a number is none, whatever it is called."""
    assert not is_secret("token", info={}, category=category)


def test_the_model_decides() -> None:
    """What a model says goes before the name, both ways."""
    assert is_secret("nickname", info={"secret": True}, category="S")
    assert is_secret("nickname", info={"hidden": True}, category="S")
    assert not is_secret("token", info={"secret": False}, category="S")


def test_fairleads_own() -> None:
    """Every column of Fairlead's schema that is hidden, or is said to be secret, is; and no other."""
    assert isinstance(metadata, MetaData)
    for table in metadata.tables.values():
        for column in table.columns:
            said = bool(column.info.get("hidden") or column.info.get("secret"))
            assert is_secret(column.name, info=column.info, category="S") == said, str(column)
