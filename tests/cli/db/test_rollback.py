from __future__ import annotations

import orjson
import pytest
from tests.cli.conftest import Run
from tests.fixtures.revisions import Shop, rows


@pytest.fixture
def migrated(in_shop: Run, shop: Shop) -> Run:
    """A shop with two revisions applied: a table with a row, and an index."""
    shop.revision("one", "create table orders (id int)", "insert into orders values (1)", down=("drop table orders",))
    shop.revision("two", "create index orders_idx on orders (id)", down=("drop index orders_idx",))
    assert in_shop("db", "migrate").returncode == 0
    return in_shop


def test_one_back(migrated: Run) -> None:
    """Without anything to lose the newest revision is taken back, without a question; at the start nothing is."""
    done = migrated("db", "rollback", "--json")
    assert (done.returncode, orjson.loads(done.stdout)) == (0, {"takenBack": ["two"], "losses": [], "impossible": []})


def test_a_loss_is_refused_without_a_terminal(migrated: Run, empty_url: str) -> None:
    """What would be lost is named and refused with 3, and nothing is changed, until somebody says --yes."""
    refused = migrated("db", "rollback", "--to", "base")
    assert refused.returncode == 3
    assert "table orders: 1 row(s)" in refused.stderr
    assert rows(empty_url, "select id from orders") == [(1,)]
    told = migrated("db", "rollback", "--to", "base", "--dry-run")
    assert (told.returncode, "lost: table orders: 1 row(s)" in told.stderr) == (0, True)
    done = migrated("db", "rollback", "--to", "base", "--yes", "--json")
    assert (done.returncode, orjson.loads(done.stdout)["takenBack"]) == (0, ["two", "one"])
    assert "nothing to take back" in migrated("db", "rollback").stderr


def test_values_that_nobody_can_bring_back(in_shop: Run, shop: Shop, empty_url: str) -> None:
    """A column that is NOT NULL comes back with a value that was announced, or not at all while there are rows."""
    added = "alter table orders add column note text{} not null"
    given = (added.format(" DEFAULT 'x y'"), "alter table orders alter column note drop default")
    shop.revision("one", "create table orders (id int)", "insert into orders values (1)", down=("drop table orders",))
    shop.revision("two", "create index orders_idx on orders (id)", down=given)
    assert in_shop("db", "migrate").returncode == 0
    asked = in_shop("db", "rollback")
    assert asked.returncode == 3
    assert "the values of orders.note, in whose place each row gets 'x y': 1 row(s)" in asked.stderr
    shop.revision("three", "select 1", down=(added.format("").replace("note", "label"),))
    assert in_shop("db", "migrate").returncode == 0
    refused = in_shop("db", "rollback", "--to", "one", "--yes")
    assert (refused.returncode, "orders.label" in refused.stderr) == (1, True)
    assert "nothing can stand for that. Nothing was changed." in refused.stderr
    assert rows(empty_url, "select version_num from shop_migrations") == [("three",)]


def test_a_name_that_is_none(migrated: Run) -> None:
    """A revision that is not on the way is an error."""
    assert migrated("db", "rollback", "--to", "nonsense").returncode == 1
