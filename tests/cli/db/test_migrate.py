from __future__ import annotations

import re
from pathlib import Path

import orjson
from tests.cli.conftest import Run
from tests.fixtures.databases import as_login, database_of
from tests.fixtures.processes import completed, environment_of
from tests.fixtures.revisions import Shop

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


def test_an_applications_migrations(in_shop: Run, shop: Shop) -> None:
    """In an application's directory its own migrations are applied, as far as wanted; what is left is said first."""
    shop.revision("one", "create table orders (id int)")
    shop.revision("two", "insert into orders select 1 where 10 % 3 = 1")
    assert "Would apply two: What two does" in in_shop("db", "migrate", "--dry-run").stderr
    printed = in_shop("db", "migrate", "--sql").stdout
    assert "insert into orders select 1 where 10 % 3 = 1;" in printed
    assert orjson.loads(in_shop("db", "migrate", "--to", "one", "--json").stdout) == {"applied": ["one"]}
    assert "Applying two (1 of 1)" in in_shop("db", "migrate").stderr


def test_exit_codes(in_shop: Run, shop: Shop) -> None:
    """Whatever fails ends with 1 and a sentence: a revision that fails, a name that is none, a file that changed."""
    path = shop.revision("one", "create table orders (id int)")
    shop.revision("two", "select 1 / 0")
    failed = in_shop("db", "migrate")
    assert (failed.returncode, "two failed: division by zero" in failed.stderr) == (1, True)
    assert in_shop("db", "migrate", "--to", "nonsense").returncode == 1
    path.write_text(path.read_text() + "\n# changed\n")
    for options in ([], ["--dry-run"], ["--sql"]):
        changed = in_shop("db", "migrate", *options)
        assert (changed.returncode, "one changed since" in changed.stderr) == (1, True)
    assert "Traceback" not in failed.stderr + changed.stderr


def test_a_login_without_rights(in_shop: Run, shop: Shop, empty_url: str, stranger: str, workshop_url: str) -> None:
    """What a login may not do is a sentence, or an object where that is asked for, whichever command it is."""
    shop.revision("one", "create table orders (id int)", down=("drop table orders",))
    assert in_shop("db", "migrate").returncode == 0
    shop.revision("two", "alter table orders add column note text")
    url = as_login(empty_url, database_of(empty_url), stranger)
    environment = {"FAIRLEAD_DATABASE_URL": url, "FAIRLEAD_SHADOW_URL": workshop_url}
    for command in (["migrate"], ["status"], ["rollback"], ["pull"], ["check", "--live"]):
        done = in_shop("db", *command, "--json", **environment)
        assert "Traceback" not in done.stderr, command
        if done.returncode == 1:
            error = orjson.loads(done.stderr.splitlines()[-1])
            assert re.search(r"may not do what .* needs: permission denied for", error["error"]), command
        else:
            assert command[0] in {"pull", "check"}, command
