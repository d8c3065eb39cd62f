from __future__ import annotations

import pytest
from tests.fixtures.revisions import Shop, rows, shop

from fairlead.db.migrating import mark, run
from fairlead.errors import MigrationFailed

__all__ = ["shop"]


def test_what_was_broken_off_is_finished_by_hand(empty_url: str, shop: Shop) -> None:
    """A revision that was broken off and finished by hand counts as applied when somebody says so."""
    shop.revision("one", "create table orders (id int)")
    shop.revision("two", "> outside('create index concurrently a on orders (id)')", "select 1 / 0")
    with pytest.raises(MigrationFailed):
        run.upgrade(empty_url, shop.migrations)
    assert mark.stamp(empty_url, shop.migrations, revision="two") == ("two",)
    state = run.look(empty_url, shop.migrations)
    assert (state.begun, state.applied, state.unnoted) == (None, ("one", "two"), ())
    assert rows(empty_url, "select version_num from shop_migrations") == [("two",)]


def test_back_to_the_start(empty_url: str, shop: Shop) -> None:
    """A database that is said to stand at the start has everything pending, and no note of any file."""
    shop.revision("one", "create table orders (id int)")
    run.upgrade(empty_url, shop.migrations)
    assert mark.stamp(empty_url, shop.migrations, revision="base") == ()
    state = run.look(empty_url, shop.migrations)
    assert (state.pending, state.ledger.applied) == (("one",), {})
