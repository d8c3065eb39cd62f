from __future__ import annotations

import pytest
from tests.fixtures.revisions import Shop, shop
from tests.fixtures.targets import target_of

from fairlead.db.migrating import run
from fairlead.errors import MigrationFailed
from fairlead.toolkit.rollback import way_back

__all__ = ["shop"]


def test_a_way_that_asks_the_database(empty_url: str, shop: Shop) -> None:
    """A downgrade that cannot be written as SQL beforehand counts as one that loses something."""
    asks = "> if op.get_bind().execute('select 1').scalar(): op.execute('drop table orders')"
    shop.revision("one", "create table orders (id int)", down=(asks,))
    run.upgrade(empty_url, shop.migrations)
    way = way_back(empty_url, target_of(shop))
    assert way.revisions == ("one",)
    assert [loss.sentence for loss in way.losses] == ["whatever it does, which cannot be told before it runs"]


def test_a_revision_that_was_broken_off(empty_url: str, shop: Shop) -> None:
    """The way back begins with the revision that a run was broken off in, and tells what of it is there to be lost."""
    shop.revision("one", "create table orders (id int)", "insert into orders values (1)", down=("drop table orders",))
    shop.revision(
        "two",
        "> outside('create table invoices as select 1 as id')",
        "select 1 / 0",
        down=("drop table invoices", "alter table orders drop column note"),
    )
    with pytest.raises(MigrationFailed):
        run.upgrade(empty_url, shop.migrations)
    way = way_back(empty_url, target_of(shop))
    assert (way.revisions, [loss.what for loss in way.losses]) == (("two",), ["table invoices"])
    assert way_back(empty_url, target_of(shop), to="base").revisions == ("two", "one")
