from __future__ import annotations

import orjson
import pytest
from tests.cli.conftest import Made, Run

from fairlead.db.session import Database
from fairlead.db.tenancy import system, tenant
from fairlead.domain.ids import is_id
from fairlead.services.organizations import create_organization
from fairlead.services.users import create_user

ORGANIZATION = ("org", "create", "Acme", "--slug", "acme")
USER = ("user", "create", "Ada@Acme.example", "--name", "Ada", "--organization", "acme", "--role", "owner")
KEY = ("key", "create", "deploy", "--organization", "acme", "--user", "ada@acme.example", "--scopes")
QUEUE = ("queue", "create", "emails", "--organization", "acme")


@pytest.fixture
async def acme(database: Database) -> None:
    """The organization and the user that the commands below would make, made already."""
    async with database.unit_of_work(system("tests")) as session:
        made = await create_organization(session, system("tests"), name="Acme", slug="acme")
        await create_user(session, tenant(made.id), email="ada@acme.example", name="Ada", role="owner")


def test_what_a_first_request_needs(made: Made) -> None:
    """Organization, user, queue and key are made one after the other, each printed as one camelCase object."""
    organization, user, queue = (
        made(*ORGANIZATION),
        made(*USER),
        made(*QUEUE, "--max-attempts", "7", "--max-concurrency", "20"),
    )
    key = made(*KEY, "items:enqueue, items:claim")

    assert (organization["name"], organization["slug"]) == ("Acme", "acme")
    assert (user["email"], user["organizationId"]) == ("ada@acme.example", organization["id"])
    assert (queue["name"], queue["maxAttempts"], queue["organizationId"]) == ("emails", 7, organization["id"])
    assert queue["maxConcurrency"] == 20
    unlimited = made("queue", "create", "reports", "--organization", "acme", "--max-concurrency", "0")
    assert unlimited["maxConcurrency"] is None
    assert key["key"].startswith("flk_live_")
    assert key["key"].startswith(key["keyPrefix"])
    assert (key["scopes"], key["userId"]) == (["items:claim", "items:enqueue"], user["id"])
    for answer in (organization, user, queue, key):
        assert is_id(answer["id"])
        assert answer["createdAt"]
        assert not [name for name in answer if "_" in name]
    assert "keyHash" not in key


def test_people_get_a_table(run: Run) -> None:
    """Without --json the answer is a table that shows the same."""
    done = run(*ORGANIZATION)

    assert done.returncode == 0
    assert "Acme" in done.stdout
    assert "acme" in done.stdout


@pytest.mark.anyio
@pytest.mark.usefixtures("acme")
@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (ORGANIZATION, "CONFLICT", "slug: is taken"),
        (("org", "create", "X", "--slug", "Not a slug"), "VALIDATION_FAILED", "slug: must be"),
        (("org", "create", " ", "--slug", "x"), "VALIDATION_FAILED", "name: must not be empty"),
        ((*QUEUE[:3], "--organization", "nobody"), "NOT_FOUND", "no organization with the slug 'nobody'"),
        ((*USER[:5], "--organization", "nobody"), "NOT_FOUND", "no organization with the slug 'nobody'"),
        ((*USER[:7], "--role", "emperor"), "VALIDATION_FAILED", "role: must be one of owner"),
        (("user", "create", "nonsense", *USER[3:]), "VALIDATION_FAILED", "email: is not an e-mail address"),
        ((*KEY, "items:eat"), "VALIDATION_FAILED", "items:eat"),
        (("key", "create", "x", *KEY[3:6], "who@x.example", "--scopes", "items:read"), "NOT_FOUND", "'who@x.example'"),
        ((*QUEUE, "--lease-seconds", "0"), "VALIDATION_FAILED", "lease_seconds: must be between"),
    ],
)
async def test_what_cannot_be_made(run: Run, arguments: tuple[str, ...], code: str, sentence: str) -> None:
    """What cannot be made is one JSON object on standard error that names it; standard output is empty; exit 1."""
    done = run(*arguments, "--json")
    error = orjson.loads(done.stderr)

    assert (done.returncode, done.stdout) == (1, "")
    assert error["code"] == code
    assert sentence in "; ".join([error["error"], *(f"{field}: {text}" for field, text in error["details"].items())])


@pytest.mark.anyio
@pytest.mark.usefixtures("acme")
async def test_what_people_read(run: Run) -> None:
    """For people an error is a sentence and one for each field that is wrong, without a traceback."""
    done = run(*ORGANIZATION)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: ")
    assert "slug: is taken" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_database_that_is_away(run: Run) -> None:
    """A one-shot command does not wait for a database: it says that it cannot be reached, and why; exit 1."""
    url = "postgresql://somebody:hidden@127.0.0.1:1/none"
    done = run(*ORGANIZATION, "--json", FAIRLEAD_DATABASE_URL=url)
    error = orjson.loads(done.stderr)

    assert (done.returncode, done.stdout) == (1, "")
    assert error["code"] == "DATABASE_UNAVAILABLE"
    assert "refused" in error["error"]
    assert "hidden" not in done.stderr


def test_wrong_settings(run: Run) -> None:
    """A variable that cannot be used is named; exit 2."""
    done = run(*ORGANIZATION, FAIRLEAD_LOG_LEVEL="loud", FAIRLEAD_DATABASE_POOL_SIZE="0")

    assert done.returncode == 2
    assert "FAIRLEAD_LOG_LEVEL" in done.stderr
    assert "FAIRLEAD_DATABASE_POOL_SIZE" in done.stderr
    assert "Traceback" not in done.stderr
