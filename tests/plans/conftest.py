"""A large database, seeded once a run and shared by its processes: the plan tests only read it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from fcntl import LOCK_EX, LOCK_NB, LOCK_SH, flock
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import make_url
from tests.fixtures.databases import LOGIN

_SEED = Path(__file__).parent / "seed.sql"


@pytest.fixture(scope="session")
def seeded_url(server_url: str, template: str) -> Iterator[str]:
    """A superuser's URL of the seeded database; the first process of the run makes it, the last one drops it."""
    name = f"{template}_plans"
    with Path(tempfile.gettempdir(), f"{name}.lock").open("w") as lock:
        flock(lock, LOCK_EX)
        url = make_url(server_url).set(database=name).render_as_string(hide_password=False)
        with psycopg.connect(server_url, autocommit=True) as connection:
            if connection.execute("select 1 from pg_database where datname = %s", [name]).fetchone() is None:
                names = [sql.Identifier(part) for part in (name, LOGIN, template)]
                connection.execute(sql.SQL("create database {} owner {} template {}").format(*names))
                _seed(url)
        flock(lock, LOCK_SH)
        yield url
        try:
            flock(lock, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            return
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def _seed(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in _SEED.read_text(encoding="utf-8").split("\n\n"):
            connection.execute(statement.encode())
