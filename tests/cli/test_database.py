from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from tests.cli.conftest import Made, Run
from tests.fixtures.accounts import differences
from tests.fixtures.items import claimed
from tests.fixtures.organizations import Tenant
from tests.fixtures.people import tell
from tests.fixtures.processes import completed, environment_of

from fairlead.db import migrate
from fairlead.db.session import Database

_SLOTS = "insert into slots (organization_id, queue_id, taken) select organization_id, id, 3 from queues"


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


@pytest.mark.anyio
async def test_accounts_are_put_right(made: Made, run: Run, database: Database, ours: Tenant) -> None:
    """Counters and slots that somebody went past are put right, and what was wrong is told; then nothing is."""
    await claimed(database, ours, 2)
    await tell(database, "update item_counters set waiting = waiting + 4")
    await tell(database, _SLOTS)
    wrong = {"organization": ours.organization_id, "queue": "work"}
    assert made("db", "recount", "--organization", ours.organization_id) == {"corrected": [{**wrong, "wrongBy": 8}]}
    [slots] = made("db", "reconcile")["corrected"]
    assert (slots["queueId"], slots["difference"]) == (ours.queue_id, -3)
    assert await differences(database) == []
    assert made("db", "recount") == made("db", "reconcile") == {"corrected": []}
    assert "Nothing was wrong" in run("db", "recount").stderr


@pytest.mark.anyio
async def test_a_recount_of_nobody(run: Run, ours: Tenant) -> None:
    """Recounting an organization that is not there is an error that says so."""
    done = run("db", "recount", "--organization", f"not-{ours.organization_id}")
    assert done.returncode == 1
    assert "no organization with the slug" in done.stderr
