from __future__ import annotations

import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from tests.fixtures.waiting import until_in_thread

from fairlead.db import embedded_shared
from fairlead.db.embedded_shared import shared_server


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The system's folder for temporary files, empty; its path is short, as a socket's must be."""
    directory = Path(tempfile.mkdtemp(prefix="fl"))
    monkeypatch.setattr(tempfile, "tempdir", str(directory))
    yield directory
    shutil.rmtree(directory)


def answers(url: str) -> bool:
    """Tell whether a server answers."""
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True


def test_the_last_to_leave_takes_the_server_along(temporary: Path) -> None:
    """Whoever names the same run has the same server; after the last of them neither it nor a file is left."""
    with shared_server("run") as first:
        with shared_server("run") as second:
            assert second.superuser_url == first.superuser_url
        assert answers(first.superuser_url)
    assert not answers(first.superuser_url)
    assert list(temporary.iterdir()) == []


def test_the_server_goes_when_the_tests_end_badly(temporary: Path) -> None:
    """An error, or Ctrl-C, leaves nothing behind either."""
    with pytest.raises(KeyboardInterrupt), shared_server("run"):
        raise KeyboardInterrupt
    assert list(temporary.iterdir()) == []


def test_who_comes_while_the_directory_goes_makes_a_new_one(temporary: Path) -> None:
    """A process that waited for the last one to leave does not open what that one has removed."""
    directory, held = temporary / "fairlead-run", threading.Event()

    def come() -> None:
        with embedded_shared._alone(directory):
            if directory.exists():
                held.set()

    waiting = threading.Thread(target=come)
    with embedded_shared._alone(directory):
        waiting.start()
        until_in_thread(_somebody_waits, what="the other one waits for the directory")
        shutil.rmtree(directory)
    waiting.join(10)
    assert held.is_set()


def _somebody_waits() -> bool:
    mine = str(os.getpid())
    locks = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
    return any("->" in lock and "FLOCK" in lock and mine in lock for lock in locks)
