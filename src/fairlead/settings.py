"""The environment, read once: `FAIRLEAD_…` variables become one frozen Settings.

Only `bootstrap` and `cli` read settings; every other part gets a small options object of its own.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from fairlead.domain.addresses import Network
from fairlead.domain.limits import RATE
from fairlead.errors import SettingsInvalid


def _parts(given: Any) -> Any:
    return [part.strip() for part in given.split(",")] if isinstance(given, str) else given


class Settings(BaseSettings):
    """Everything that can be set from outside. A field `x` is the variable `FAIRLEAD_X`."""

    model_config = SettingsConfigDict(env_prefix="FAIRLEAD_", env_ignore_empty=True, frozen=True, extra="ignore")

    database_url: SecretStr | None = Field(
        default=None,
        description="PostgreSQL 15 or newer, as postgresql://user:password@host/database. "
        "Not set: an embedded PostgreSQL 18 below FAIRLEAD_DATA_DIR.",
    )
    data_dir: Path = Field(
        default=Path(".fairlead"), description="Where the embedded PostgreSQL and generated secrets are kept."
    )
    secret: SecretStr | None = Field(
        default=None,
        min_length=32,
        description="Keys the hashes of API keys and seals second factors; the same on every machine. Not set: made "
        "once, kept in FAIRLEAD_DATA_DIR/secret.",
    )
    database_pool_size: int = Field(default=10, ge=1, le=500, description="Connections one process opens at most.")
    database_direct_url: SecretStr | None = Field(
        default=None,
        description="The same database past a pooler such as PgBouncer, for wake-ups and migrations, which need a "
        "session of their own. Not set: FAIRLEAD_DATABASE_URL is direct.",
    )
    database_prepare: bool = Field(
        default=True,
        description="Whether statements are prepared; false behind a pooler in transaction mode that does not keep "
        "prepared statements (PgBouncer before 1.21).",
    )
    shadow_url: SecretStr | None = Field(
        default=None,
        description="Where `fairlead db` makes its throw-away databases: a server and a login that may. "
        "Not set: the server of FAIRLEAD_DATABASE_URL, or the embedded one.",
    )
    statement_timeout_seconds: float = Field(default=30, ge=0.1, le=3600, description="Longest time of one statement.")
    public_url: str | None = Field(
        default=None,
        pattern=r"^https?://[^\s/]+$",
        description="Where the API is found from outside, such as https://queues.example.com; it stands in mails. "
        "Not set: the address that is listened on.",
    )
    smtp_url: SecretStr | None = Field(
        default=None,
        description="The mail server, as smtp://user:password@host:587 (with STARTTLS where the server has it, always "
        "where a password is sent) or smtps://user:password@host. Not set: mails wait in their queue.",
    )
    mail_from: str = Field(default="Fairlead <fairlead@localhost>", description="The sender of mails.")
    rate_limit_per_key: int = Field(
        default=120_000, ge=0, le=RATE, description="Requests a minute that one API key may make; 0: no limit."
    )
    rate_limit_per_organization: int = Field(
        default=240_000, ge=0, le=RATE, description="Requests a minute that one organization may make; 0: no limit."
    )
    rate_limit_per_address: int = Field(
        default=120_000,
        ge=0,
        le=RATE,
        description="Requests a minute from one address (of IPv6: one /64), with credentials or without; 0: no limit.",
    )
    trusted_proxies: Annotated[tuple[Network, ...], NoDecode, BeforeValidator(_parts)] = Field(
        default=(),
        description="The proxies before the API, as addresses or networks with commas between them, which are believed "
        "what X-Forwarded-For says. Not set: a request comes from whoever is connected.",
    )
    oidc_name: str = Field(
        default="oidc", pattern=r"^[a-z0-9-]{1,30}$", description="What the provider of FAIRLEAD_OIDC_ISSUER is called."
    )
    oidc_issuer: str | None = Field(
        default=None,
        pattern=r"^(https://[^\s?#]+|http://(localhost|127\.0\.0\.1)(:\d+)?(/[^\s?#]*)?)$",
        description="An OpenID Connect issuer with which people may sign in, such as https://login.example.com.",
    )
    oidc_client_id: str | None = Field(default=None, description="As whom that issuer knows this installation.")
    oidc_client_secret: SecretStr | None = Field(default=None, description="The secret of that.")
    google_client_id: str | None = Field(default=None, description="For signing in with Google.")
    google_client_secret: SecretStr | None = Field(default=None, description="The secret of that.")
    github_client_id: str | None = Field(default=None, description="For signing in with GitHub.")
    github_client_secret: SecretStr | None = Field(default=None, description="The secret of that.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="What is logged.")
    log_format: Literal["auto", "text", "json"] = Field(
        default="auto", description="auto: text on a terminal, else JSON."
    )


def load() -> Settings:
    """Read the environment; raises SettingsInvalid that names every variable that is wrong."""
    try:
        return Settings()
    except ValidationError as error:
        details = {
            "FAIRLEAD_" + "_".join(str(part) for part in problem["loc"]).upper(): problem["msg"]
            for problem in error.errors(include_input=False)
        }
        raise SettingsInvalid("The environment has settings that cannot be used.", details=details) from None
