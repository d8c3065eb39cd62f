from __future__ import annotations

import orjson
import pytest
from sqlalchemy import make_url
from tests.cli.conftest import Run
from tests.fixtures.databases import database_of
from tests.fixtures.revisions import Shop, do


@pytest.fixture
def reviewing(in_shop: Run, shop: Shop, workshop_url: str) -> Run:
    """A shop with one revision applied, and one pending that writes a table anew, which nobody analyzes by himself."""
    table = "create table orders (id bigint) with (autovacuum_enabled = off)"
    shop.revision("one", table, "insert into orders select generate_series(1, 1000)")
    shop.revision("two", "set local lock_timeout = '3s'", "alter table orders alter id type int")

    def ran(*arguments: str, **environment: str) -> object:
        return in_shop("db", *arguments, **{"FAIRLEAD_SHADOW_URL": workshop_url, **environment})

    return ran  # type: ignore[return-value]


def test_what_is_pending_is_reviewed(reviewing: Run, server_url: str, empty_url: str) -> None:
    """The pending revision's SQL, locks, rewrites, losses and findings are shown, with the size in the database.

    Of a table that nobody has analyzed or counted no number of rows is said.
    """
    reviewing("migrate", "--to", "one")
    done = reviewing("review", "--json")
    assert done.returncode == 0, done.stderr
    [told] = orjson.loads(done.stdout)["revisions"]
    assert told["revision"] == "two"
    assert told["effects"][1]["locks"] == [
        {"table": "orders", "mode": "ACCESS EXCLUSIVE", "meaning": "nobody reads or writes meanwhile"}
    ]
    assert told["effects"][1]["rewrites"] == ["orders"]
    assert "changing-column-type" in {finding["rule"] for finding in told["findings"]}
    assert told["losses"] == []  # each of the thousand fits
    [size] = told["sizes"]
    assert (size["table"], size["rows"]) == ("orders", 1000)
    assert size["bytes"] > 8192

    superuser = make_url(server_url).set(database=database_of(empty_url)).render_as_string(hide_password=False)
    do(superuser, "select pg_stat_reset_single_table_counters('orders'::regclass)")
    people = reviewing("review", "two").stdout
    assert "alter table orders alter id type int;" in people
    assert "locks orders (never analyzed, " in people
    assert "ACCESS EXCLUSIVE: nobody reads or writes meanwhile, until the revision is committed" in people
    assert "writes orders anew" in people


def test_a_database_that_is_away(reviewing: Run) -> None:
    """A named revision is reviewed without the database, too, and that its sizes are missing is said."""
    done = reviewing("review", "two", "--json", FAIRLEAD_DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")
    assert done.returncode == 0, done.stderr
    assert "sizes are left out" in done.stderr
    assert orjson.loads(done.stdout)["revisions"][0]["sizes"] == []


def test_nothing_to_review(reviewing: Run) -> None:
    """When nothing is pending it is said, and a name that is none is an error."""
    reviewing("migrate")
    assert "Nothing is pending" in reviewing("review").stderr
    assert reviewing("review", "nonsense").returncode == 1


def test_linting(reviewing: Run) -> None:
    """What is pending is linted, or named revisions, or all behind one; a finding ends the command with 1."""
    found = reviewing("lint")
    assert (found.returncode, "finding(s) in 2 revision(s)" in found.stderr) == (1, True)
    assert "write the reason into the revision: LINT_IGNORE = {" in found.stderr
    assert "versions/two.py:" in found.stdout
    assert "changing-column-type" in found.stdout
    clean = reviewing("lint", "one", "--json")
    assert (clean.returncode, orjson.loads(clean.stdout)) == (0, {"revisions": ["one"], "findings": []})
    behind = orjson.loads(reviewing("lint", "--since", "one", "--json").stdout)
    assert behind["revisions"] == ["two"]
    assert reviewing("lint", "--since", "nonsense").returncode == 1
