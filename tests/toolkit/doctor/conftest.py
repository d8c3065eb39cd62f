"""A server of one's own, with settings that nobody should have, for what belongs to a whole server."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from fairlead.db import embedded_programs, migrate
from fairlead.db.embedded import EmbeddedOptions, EmbeddedServer

_BAD = {
    "fsync": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "max_prepared_transactions": "5",
    "max_connections": "20",
}


@pytest.fixture(scope="session", autouse=True)
def _may_make_databases(workshop_url: str) -> None:
    """Let the tests' login make the throw-away database that drift is found by."""
    assert workshop_url


@pytest.fixture(scope="session")
def bad_server() -> Iterator[EmbeddedServer]:
    """An embedded server that loses data and cleans nothing up, with a migrated database; its roles are its own."""
    directory = Path(tempfile.mkdtemp(prefix="fairlead-bad-"))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in _BAD.items():
            patch.setitem(embedded_programs._SETTINGS, name, value)
        with EmbeddedServer.open(EmbeddedOptions(data_dir=directory)) as server:
            migrate.migrate(server.url)
            yield server
    shutil.rmtree(directory)
