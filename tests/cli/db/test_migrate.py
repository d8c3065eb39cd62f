from __future__ import annotations

from pathlib import Path

import orjson
from tests.fixtures.processes import completed, environment_of

from fairlead.db import migrate


def test_migrating_twice(empty_url: str, tmp_path: Path) -> None:
    """The first run applies every migration, the second none; both succeed, and --json says which."""
    wanted = migrate.pending(empty_url)
    environment = environment_of(tmp_path, empty_url)
    runs = [completed("db", "migrate", "--json", environment=environment) for _ in range(2)]

    assert [done.returncode for done in runs] == [0, 0]
    assert [orjson.loads(done.stdout) for done in runs] == [{"applied": wanted}, {"applied": []}]
    assert migrate.pending(empty_url) == []


def test_what_people_read(empty_url: str, tmp_path: Path) -> None:
    """For people each migration is named as it is applied."""
    done = completed("db", "migrate", environment=environment_of(tmp_path, empty_url))

    assert (done.returncode, done.stdout) == (0, "")
    assert "Applying " in done.stderr
    assert "Applied " in done.stderr


def test_commands_ask_for_the_migration(empty_url: str, tmp_path: Path) -> None:
    """A command on a database without our schema says what to run, and exits with 1."""
    for arguments in (["org", "create", "A", "--slug", "a"], ["worker", "tests.journeys.handlers:app"], ["serve"]):
        done = completed(*arguments, environment=environment_of(tmp_path, empty_url))

        assert done.returncode == 1
        assert "run 'fairlead db migrate'" in done.stderr
        assert "Traceback" not in done.stderr


def test_an_unreachable_database(tmp_path: Path) -> None:
    """Without a database the migration fails in a sentence."""
    environment = environment_of(tmp_path, "postgresql://nobody@127.0.0.1:1/none")
    done = completed("db", "migrate", environment=environment)

    assert done.returncode == 1
    assert "cannot be reached" in done.stderr
    assert "Traceback" not in done.stderr
