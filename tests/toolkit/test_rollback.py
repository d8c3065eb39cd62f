from __future__ import annotations

from tests.fixtures.revisions import Shop, shop
from tests.fixtures.targets import target_of

from fairlead.db.migrating import run
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
