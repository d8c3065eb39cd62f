from __future__ import annotations

import orjson
import pytest
from tests.cli.conftest import Run
from tests.fixtures.revisions import Shop

from fairlead.cli.db.status import _show
from fairlead.toolkit.history import Entry, History


def test_what_is_applied_and_what_is_pending(in_shop: Run, shop: Shop) -> None:
    """Each revision is shown with what it is; with pending ones the command still ends well."""
    shop.revision("one", "create table orders (id int)")
    shop.revision("two", "select 1")
    in_shop("db", "migrate", "--to", "one")
    done = in_shop("db", "status", "--json")
    assert done.returncode == 0
    told = orjson.loads(done.stdout)
    assert (told["target"], told["heads"]) == ("shop", ["one"])
    assert [(entry["revision"], entry["standing"]) for entry in told["entries"]] == [
        ("one", "applied"),
        ("two", "pending"),
    ]
    assert told["entries"][0]["appliedAt"].endswith("Z")
    people = in_shop("db", "status")
    assert "1 pending; run 'fairlead db migrate'" in people.stderr


def test_a_file_that_changed_or_is_gone(in_shop: Run, shop: Shop) -> None:
    """A changed file and a missing one are shown, and the command ends with 4."""
    path = shop.revision("one", "create table orders (id int)")
    gone = shop.revision("two", "select 1")
    in_shop("db", "migrate")
    path.write_text(path.read_text() + "\n")
    assert (in_shop("db", "status").returncode, "changed" in in_shop("db", "status").stdout) == (4, True)
    gone.unlink()
    done = in_shop("db", "status", "--json")
    standings = {entry["revision"]: entry["standing"] for entry in orjson.loads(done.stdout)["entries"]}
    assert (done.returncode, standings) == (4, {"one": "changed", "two": "unknown"})


def test_a_run_that_was_broken_off(capsys: pytest.CaptureFixture[str]) -> None:
    """A revision in whose middle a run ended is something to go on with."""
    _show(History("shop", (), (Entry("one", "broken off", "What one does", "versions/one.py", None),)))
    told = capsys.readouterr()
    assert "broken off" in told.out
    assert "1 broken off; run 'fairlead db migrate'" in told.err
