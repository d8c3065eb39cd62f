from __future__ import annotations

import pytest
from tests.fixtures.revisions import Shop, shop
from tests.fixtures.targets import target_of

from fairlead.db.migrating import run
from fairlead.errors import MigrationFailed
from fairlead.toolkit.history import history

__all__ = ["shop"]


def test_a_revision_that_was_broken_off(empty_url: str, shop: Shop) -> None:
    """A revision of which a part is committed is neither applied nor simply pending."""
    shop.revision("one", "create table orders (id int)")
    shop.revision("two", "> outside('create index concurrently a on orders (id)')", "select 1 / 0")
    with pytest.raises(MigrationFailed):
        run.upgrade(empty_url, shop.migrations)
    found = history(empty_url, target_of(shop))
    assert [(entry.revision, entry.standing) for entry in found.entries] == [("one", "applied"), ("two", "broken off")]
    assert found.is_sound
