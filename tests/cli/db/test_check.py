from __future__ import annotations

import orjson
import psycopg
from tests.cli.conftest import Run
from tests.fixtures.revisions import do

from fairlead.db import migrate
from fairlead.toolkit.check import check_database
from fairlead.toolkit.target import own


def test_a_clean_schema(in_shop: Run, server_url: str) -> None:
    """Without a disagreement the command says so, and exits with 0."""
    answer = in_shop("db", "check", "--live", "--json", FAIRLEAD_SHADOW_URL=server_url)
    assert answer.returncode == 0, answer.stderr
    assert orjson.loads(answer.stdout) == {"target": "shop", "clean": True, "findings": []}
    told = in_shop("db", "check", FAIRLEAD_SHADOW_URL=server_url)
    assert (told.returncode, "Everything agrees." in told.stderr) == (0, True)


def test_a_drift_exits_with_four(in_shop: Run, empty_url: str, server_url: str) -> None:
    """A drift of the database is told as a line for people, or as JSON, and the exit code is 4."""
    do(empty_url, "create table stray (id int)")
    told = in_shop("db", "check", "--live", FAIRLEAD_SHADOW_URL=server_url)
    assert (told.returncode, told.stderr.splitlines()[-1]) == (4, "1 finding.")
    assert "table stray is in the database" in told.stdout
    answer = in_shop("db", "check", "--live", "--json", FAIRLEAD_SHADOW_URL=server_url)
    assert answer.returncode == 4
    [finding] = orjson.loads(answer.stdout)["findings"]
    assert (finding["code"], finding["subject"]) == ("drift", "stray")


def test_an_exported_schema_is_taken_on(run: Run, empty_url: str, server_url: str) -> None:
    """What `export` prints runs on an empty database, and with a stamp migrations go on from there."""
    text = run("db", "export", FAIRLEAD_SHADOW_URL=server_url).stdout
    with psycopg.connect(empty_url, autocommit=True) as connection:
        connection.execute(text.encode())
    assert run("db", "stamp", "head", FAIRLEAD_DATABASE_URL=empty_url, FAIRLEAD_SHADOW_URL=server_url).returncode == 0
    assert migrate.pending(empty_url) == []
    assert check_database(own(), empty_url, server_url=server_url) == []
