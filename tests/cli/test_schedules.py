from __future__ import annotations

from typing import Any

import orjson
import pytest
from tests.cli.conftest import Made, Run

from fairlead.db.session import Database
from fairlead.db.tenancy import system
from fairlead.services.organizations import found_organization

pytestmark = pytest.mark.anyio
ACME = ("--organization", "acme")
CREATE = ("schedule", "create", "nightly", *ACME, "--queue", "default", "--cron", "30 2 * * *")


@pytest.fixture
async def acme(database: Database) -> None:
    """An organization with a queue."""
    fleet = system("tests")
    people: dict[str, Any] = {"owner_email": "ada@acme.example", "owner_name": "Ada"}
    async with database.unit_of_work(fleet) as session:
        await found_organization(session, fleet, name="Acme", slug="acme", **people)


@pytest.mark.usefixtures("acme")
async def test_a_schedules_life(made: Made, run: Run) -> None:
    """A schedule is made, listed, paused, resumed, run and deleted by its name, each answered with one object."""
    new = made(*CREATE, "--time-zone", "Europe/Berlin", "--payload", '{"kind": "daily"}', "--missed-runs", "catch_up")
    assert (new["cron"], new["timeZone"], new["payload"]) == ("30 2 * * *", "Europe/Berlin", {"kind": "daily"})
    assert (new["missedRuns"], new["catchUpLimit"]) == ("catch_up", 10)
    assert new["nextRunAt"]

    listed = made("schedule", "list", *ACME)
    assert listed == {"data": [new], "total": 1}
    assert "nightly" in run("schedule", "list", *ACME).stdout
    paused = made("schedule", "pause", "nightly", *ACME)
    assert paused["pausedAt"]
    assert paused["nextRunAt"] is None
    assert made("schedule", "resume", "nightly", *ACME)["nextRunAt"] == new["nextRunAt"]
    assert made("schedule", "run", "nightly", *ACME).keys() == {"itemId"}
    assert made("schedule", "delete", "nightly", *ACME) == {"deleted": "nightly"}
    assert made("schedule", "list", *ACME) == {"data": [], "total": 0}


@pytest.mark.usefixtures("acme")
@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        ((*CREATE[:-1], "0 0 30 2 *"), "VALIDATION_FAILED", "cron: never fires"),
        ((*CREATE, "--payload", "{"), "VALIDATION_FAILED", "payload: must be a JSON object"),
        ((*CREATE[:6], "nowhere", *CREATE[7:]), "NOT_FOUND", "no queue 'nowhere'"),
        (("schedule", "pause", "nobody", *ACME), "NOT_FOUND", "no schedule 'nobody'"),
    ],
)
async def test_what_cannot_be_done(run: Run, arguments: tuple[str, ...], code: str, sentence: str) -> None:
    """What cannot be done is one JSON object on standard error that names it; exit 1."""
    done = run(*arguments, "--json")
    error = orjson.loads(done.stderr)
    assert (done.returncode, done.stdout, error["code"]) == (1, "", code)
    assert sentence in "; ".join([error["error"], *(f"{field}: {text}" for field, text in error["details"].items())])
