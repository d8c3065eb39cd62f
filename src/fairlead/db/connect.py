"""Engines: how connections to PostgreSQL are made.

A connection carries no session state that a transaction relies on (roles, organizations and time limits are set
inside each transaction), so PgBouncer in transaction mode works.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson
from psycopg.types.json import set_json_dumps, set_json_loads
from sqlalchemy import event, make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from fairlead.errors import SettingsInvalid


@dataclass(frozen=True, slots=True)
class DatabaseOptions:
    """How one process uses the database."""

    url: str = field(repr=False)  # a PostgreSQL URL without a driver; it may hold a password
    application_name: str = "fairlead"
    pool_size: int = 10  # connections kept and at most open
    connect_timeout_seconds: int = 5
    checkout_timeout_seconds: float = 10  # how long a caller waits for a free connection
    statement_timeout_seconds: float = 30
    lock_timeout_seconds: float = 5
    prepare_after: int | None = 5  # executions of a statement before it is prepared; None: never
    direct_url: str | None = field(default=None, repr=False)  # past a pooler, for what needs a session of its own

    @property
    def session_url(self) -> str:
        """Where a connection keeps its session between transactions."""
        return self.direct_url or self.url


def driver_url(url: str) -> URL:
    """Return `url` for SQLAlchemy on psycopg 3; raises SettingsInvalid for anything but PostgreSQL."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise SettingsInvalid("FAIRLEAD_DATABASE_URL is not a URL.") from error
    if parsed.get_backend_name() not in {"postgresql", "postgres"}:
        raise SettingsInvalid("FAIRLEAD_DATABASE_URL must start with postgresql://")
    return parsed.set(drivername="postgresql+psycopg")


def async_engine(options: DatabaseOptions) -> AsyncEngine:
    """Return an engine that opens a connection whenever it is asked for one: `db/pool.py` keeps them."""
    engine = create_async_engine(
        driver_url(options.url),
        poolclass=NullPool,
        hide_parameters=True,  # they hold hashes and addresses, and errors end up in logs
        connect_args={**connect_arguments(options), "autocommit": True},
        json_serializer=lambda value: orjson.dumps(value).decode(),
        json_deserializer=orjson.loads,
    )
    event.listen(engine.sync_engine, "connect", _prepare_driver)
    return engine


def connect_arguments(options: DatabaseOptions) -> dict[str, Any]:
    """Return psycopg's own keywords for a connection with these options."""
    return {
        "connect_timeout": options.connect_timeout_seconds,
        "application_name": options.application_name,
        "prepare_threshold": options.prepare_after,
        "keepalives_idle": 15,
        "keepalives_interval": 5,
        "keepalives_count": 3,
    }


def _prepare_driver(connection: Any, _record: object) -> None:
    set_json_loads(orjson.loads, connection.driver_connection)
    set_json_dumps(orjson.dumps, connection.driver_connection)
