from __future__ import annotations

import psycopg
import pytest
from tests.fixtures.revisions import Shop, do, shop

from fairlead.db.migrating import ledger
from fairlead.db.migrating.ledger import Applied, Begun, Ledger

__all__ = ["shop"]
FULL = Ledger({"one": Applied("a hash", "2026-01-01T00:00:00Z")}, Begun("two", back=True, statements=3, digest="d"))


def test_what_is_written_is_read(empty_url: str, shop: Shop) -> None:
    """The whole note comes back as it was written, behind what somebody else had said of the table."""
    do(empty_url, "create table shop_migrations ()", "comment on table shop_migrations is 'Ask Ann.'")
    with psycopg.connect(empty_url, autocommit=True) as driver:
        known = ledger.read(driver, shop.migrations)
        assert known == Ledger(before="Ask Ann.")
        written = Ledger(FULL.applied, FULL.begun, known.before)
        ledger.write(driver, shop.migrations, written)
        assert ledger.read(driver, shop.migrations) == written


@pytest.mark.parametrize("text", ["fairlead db: {", 'fairlead db: {"applied": 1, "begun": null}', "fairlead db: []"])
def test_a_note_that_cannot_be_read(empty_url: str, shop: Shop, text: str) -> None:
    """A note that was cut off, or is another program's, counts as none and is not thrown away."""
    do(empty_url, "create table shop_migrations ()", f"comment on table shop_migrations is '{text}'")
    with psycopg.connect(empty_url, autocommit=True) as driver:
        assert ledger.read(driver, shop.migrations) == Ledger(before=text)
