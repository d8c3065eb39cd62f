"""A large database, seeded once a run and shared by its processes: the plan tests only read it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from fcntl import LOCK_EX, LOCK_NB, LOCK_SH, LOCK_UN, flock
from pathlib import Path
from string import Template
from typing import IO

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import make_url
from tests.fixtures.databases import LOGIN
from tests.plans.size import SIZE

_SEED = Path(__file__).parent / "seed.sql"


@pytest.fixture(scope="session")
def seeded_url(server_url: str, template: str) -> Iterator[str]:
    """A superuser's URL of the seeded database; the first process of the run makes it, the last one drops it."""
    name = f"{template}_plans"
    url = make_url(server_url).set(database=name).render_as_string(hide_password=False)
    with _lock(f"{name}.making") as making, _lock(f"{name}.using") as using:
        with _held(making):
            _make_if_missing(server_url, url, template=template)
            flock(using, LOCK_SH)
        yield url
        with _held(making):
            try:
                flock(using, LOCK_EX | LOCK_NB)
            except BlockingIOError:
                return
            with psycopg.connect(server_url, autocommit=True) as connection:
                connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def _lock(name: str) -> IO[str]:
    return Path(tempfile.gettempdir(), f"{name}.lock").open("w")


@contextmanager
def _held(lock: IO[str]) -> Iterator[None]:
    flock(lock, LOCK_EX)
    yield
    flock(lock, LOCK_UN)


def _make_if_missing(server_url: str, url: str, *, template: str) -> None:
    name = make_url(url).database or ""
    with psycopg.connect(server_url, autocommit=True) as connection:
        if connection.execute("select 1 from pg_database where datname = %s", [name]).fetchone() is None:
            names = [sql.Identifier(part) for part in (name, LOGIN, template)]
            connection.execute(sql.SQL("create database {} owner {} template {}").format(*names))
            _seed(url)


def _seed(url: str) -> None:
    script = Template(_SEED.read_text(encoding="utf-8")).substitute(asdict(SIZE))
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in script.split("\n\n"):
            connection.execute(statement.encode())
