from __future__ import annotations

import os
from pathlib import Path

import pytest

from fairlead.errors import SettingsInvalid
from fairlead.settings import Settings, load


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("FAIRLEAD_")]:
        monkeypatch.delenv(name)


def test_defaults() -> None:
    """Without any variable everything has a value that works on one machine."""
    settings = load()

    assert settings.database_url is None
    assert settings.secret is None
    assert settings.data_dir == Path(".fairlead")
    assert (settings.database_pool_size, settings.statement_timeout_seconds) == (10, 30)
    assert (settings.log_level, settings.log_format) == ("info", "auto")


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """A field `x` is the variable FAIRLEAD_X, and other variables are nobody's business."""
    for name, value in {
        "DATABASE_URL": "postgresql://a:b@c/d",
        "DATA_DIR": "/somewhere",
        "SECRET": "x" * 32,
        "DATABASE_POOL_SIZE": "3",
        "STATEMENT_TIMEOUT_SECONDS": "1.5",
        "LOG_LEVEL": "debug",
        "LOG_FORMAT": "json",
        "SOMETHING_ELSE": "1",
    }.items():
        monkeypatch.setenv(f"FAIRLEAD_{name}", value)
    settings = load()

    assert settings.database_url is not None
    assert settings.database_url.get_secret_value() == "postgresql://a:b@c/d"
    assert settings.data_dir == Path("/somewhere")
    assert (settings.database_pool_size, settings.statement_timeout_seconds) == (3, 1.5)
    assert (settings.log_level, settings.log_format) == ("debug", "json")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FAIRLEAD_SECRET", "too short"),
        ("FAIRLEAD_DATABASE_POOL_SIZE", "0"),
        ("FAIRLEAD_DATABASE_POOL_SIZE", "many"),
        ("FAIRLEAD_DATABASE_POOL_SIZE", "501"),
        ("FAIRLEAD_STATEMENT_TIMEOUT_SECONDS", "0"),
        ("FAIRLEAD_STATEMENT_TIMEOUT_SECONDS", "nan"),
        ("FAIRLEAD_STATEMENT_TIMEOUT_SECONDS", "inf"),
        ("FAIRLEAD_LOG_LEVEL", "loud"),
        ("FAIRLEAD_LOG_FORMAT", "xml"),
        ("FAIRLEAD_RATE_LIMIT_PER_KEY", "-1"),
    ],
)
def test_a_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """A value that cannot be used is refused, its variable named; the value, which may be secret, is not repeated."""
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsInvalid) as raised:
        load()

    assert list(raised.value.details) == [name]
    assert f"'{value}'" not in str(raised.value)


def test_trusted_proxies_are_addresses_and_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    """They stand with commas between them; what is neither is refused."""
    monkeypatch.setenv("FAIRLEAD_TRUSTED_PROXIES", "10.0.0.0/8, 127.0.0.1,::1")
    assert [str(network) for network in load().trusted_proxies] == ["10.0.0.0/8", "127.0.0.1/32", "::1/128"]

    monkeypatch.setenv("FAIRLEAD_TRUSTED_PROXIES", "10.0.0.0/8,proxy.example")
    with pytest.raises(SettingsInvalid) as raised:
        load()
    assert all(name.startswith("FAIRLEAD_TRUSTED_PROXIES") for name in raised.value.details)


def test_several_wrong_variables_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every wrong variable is named in one error."""
    wrong = {"FAIRLEAD_LOG_LEVEL": "loud", "FAIRLEAD_DATABASE_POOL_SIZE": "0", "FAIRLEAD_SECRET": "short"}
    for name, value in wrong.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsInvalid) as raised:
        load()

    assert raised.value.details.keys() == wrong.keys()
    for name in wrong:
        assert name in str(raised.value)


def test_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Printing the settings shows neither the secret nor the database's password."""
    monkeypatch.setenv("FAIRLEAD_SECRET", "s" * 40)
    monkeypatch.setenv("FAIRLEAD_DATABASE_URL", "postgresql://user:password@host/name")

    assert "ssss" not in repr(load())
    assert "password" not in repr(load())


def test_every_setting_is_described() -> None:
    """Each setting says what it is for."""
    for name, field in Settings.model_fields.items():
        assert field.description, f"describe the setting {name}"
