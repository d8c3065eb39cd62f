"""What people report of drizzle-kit, one test each: here it does not happen. The numbers are those of its issues."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import psycopg
import pytest
from tests.fixtures.shops import ShopCopy, shop

from fairlead.db.migrating.run import downgrade, upgrade
from fairlead.errors import DecisionNeeded, MigrationFailed, OperatorError
from fairlead.toolkit.decisions import Deciding
from fairlead.toolkit.generate import Wanted, custom, generate, write
from fairlead.toolkit.hints import Hints
from fairlead.toolkit.revision_file import Draft
from fairlead.toolkit.runner import migrations_of
from fairlead.toolkit.shadow import scratch

__all__ = ["shop"]

WANTED = Wanted("Change the shop", date(2026, 11, 25))
NOTE = "    note: Mapped[str | None]\n"
PAID = '    PAID = "paid"\n'
TYPES = """
    seen: Mapped[datetime | None] = mapped_column(TIMESTAMP(precision=3))
    label: Mapped[str | None] = mapped_column(VARCHAR(20))
    rate: Mapped[float] = mapped_column(NUMERIC(10, 2), server_default="1.50")
"""


@pytest.fixture
def url(server_url: str) -> Iterator[str]:
    """An empty database."""
    with scratch(server_url) as made:
        yield made


def _generated(shop: ShopCopy, url: str, hints: Hints | None = None) -> list[Draft]:
    drafts = generate(shop.target(), url, wanted=WANTED, deciding=Deciding(hints or Hints()))
    write(shop.target(), drafts)
    return drafts


def _migrate(shop: ShopCopy, url: str) -> list[str]:
    return upgrade(url, migrations_of(shop.target()))


def _row(url: str, query: str) -> tuple[object, ...] | None:
    with psycopg.connect(url) as connection:
        return connection.execute(query.encode()).fetchone()


def test_a_rename_needs_no_terminal(shop: ShopCopy, url: str) -> None:
    """#4615, #1837: the questions cannot be answered in CI, and people pipe `yes` into them. Here they are options."""
    shop.edit(("    fullname: Mapped[str]\n", "    name: Mapped[str]\n"))
    with pytest.raises(DecisionNeeded, match=r"--rename shop\.customers\.fullname=shop\.customers\.name"):
        _generated(shop, url)
    [draft] = _generated(shop, url, Hints(renames={"shop.customers.fullname": "name"}))
    assert draft.up.together == ("alter table shop.customers rename column fullname to name",)


def test_an_index_is_built_concurrently(shop: ShopCopy, url: str) -> None:
    """#860: all migrations share a transaction, so that no index can be built concurrently."""
    shop.edit((NOTE, "    note: Mapped[str | None] = mapped_column(index=True)\n"))
    [draft] = _generated(shop, url)
    assert any("create index concurrently" in statement for statement in draft.up.alone)
    _migrate(shop, url)
    assert _row(url, "select indisvalid from pg_index where indexrelid = 'shop.orders_note_idx'::regclass") == (True,)


def test_a_new_enum_value_can_be_used_at_once(shop: ShopCopy, url: str) -> None:
    """#3466: "unsafe use of new value of enum type", when one migration adds it and uses it."""
    shop.edit((PAID, f'    PACKED = "packed"\n{PAID}'), ('server_default="new"', 'server_default="packed"'))
    _generated(shop, url)
    _migrate(shop, url)
    assert _row(url, "select enum_range(null::shop.order_status)::text") == ("{new,packed,paid,shipped}",)


def test_an_older_revision_is_not_skipped(shop: ShopCopy, url: str) -> None:
    """#5769, #5316: what has an older date than the newest that is applied is skipped without a word."""
    shop.edit((NOTE, f"{NOTE}    gift: Mapped[str | None]\n"))
    [first] = _generated(shop, url)
    _migrate(shop, url)
    older = replace(custom(shop.target(), WANTED)[0], revision="20250101_from_a_long_branch")
    assert older.after == first.revision
    write(shop.target(), [older])
    assert _migrate(shop, url) == ["20250101_from_a_long_branch"]


def test_two_branches_are_noticed(shop: ShopCopy, url: str) -> None:
    """PR 6301: `check` says that everything is fine, while one of two branches will be skipped."""
    [draft] = custom(shop.target(), WANTED)
    write(shop.target(), [draft, replace(draft, revision="20261125_of_another")])
    with pytest.raises(OperatorError, match="20261125_of_another"):
        _generated(shop, url)


def test_there_is_a_way_back(shop: ShopCopy, url: str) -> None:
    """#2352, #4005: there is no rollback."""
    shop.edit((NOTE, f"{NOTE}    gift: Mapped[str | None]\n"))
    [draft] = _generated(shop, url)
    _migrate(shop, url)
    assert downgrade(url, migrations_of(shop.target())) == [draft.revision]
    assert _row(url, "select count(*) from pg_attribute where attname = 'gift'") == (0,)


def test_what_is_equal_is_no_difference(shop: ShopCopy, url: str) -> None:
    """#2160, #2047: `timestamp(3)` and `varchar(n)` differ for ever, and are truncated for it."""
    orm = "from sqlalchemy.orm"
    shop.edit(
        (NOTE, f"{NOTE}{TYPES}"),
        (orm, f"from sqlalchemy.dialects.postgresql import NUMERIC, TIMESTAMP, VARCHAR\n{orm}"),
    )
    _generated(shop, url)
    assert _generated(shop, url) == []
    shop.edit(("VARCHAR(20)", "VARCHAR(40)"))
    [draft] = _generated(shop, url)
    assert draft.up.together == ("alter table shop.orders alter column label type varchar(40)",)
    assert draft.warnings == ()


def test_row_security_is_what_the_models_say(shop: ShopCopy, url: str) -> None:
    """#3504, #4078, #4948, #5819: USING is not applied, row security is switched off, and FORCE is unknown."""
    shop.edit(
        ('"USING (shop_id =', '"USING (shop_id > 0 AND shop_id ='),
        (NOTE, f"{NOTE}    gift: Mapped[str | None]\n"),
    )
    _generated(shop, url)
    _migrate(shop, url)
    assert _row(
        url,
        "select relrowsecurity, relforcerowsecurity, pg_get_expr(polqual, polrelid) like '%shop_id > 0%'"
        " from pg_class join pg_policy on polrelid = pg_class.oid where relname = 'orders'",
    ) == (True, True, True)


def test_a_file_that_was_changed_is_not_passed_over(shop: ShopCopy, url: str) -> None:
    """The hash of a migration is kept and never compared: here a file changed since it was applied stops it."""
    _migrate(shop, url)
    [file] = (shop.directory / "migrations" / "versions").glob("*.py")
    file.write_text(file.read_text().replace("'shipped'", "'sent'"))
    with pytest.raises(OperatorError, match="changed"):
        _migrate(shop, url)


def test_an_error_is_no_success(shop: ShopCopy, url: str) -> None:
    """Errors of the old line are printed and the exit code is 0: here nothing is written, and it is raised."""
    shop.edit((NOTE, "    note: Mapped[str]\n"))
    with pytest.raises(MigrationFailed, match="Nothing was written"):
        _generated(shop, url, Hints(backfills={"shop.orders.note": "no such thing"}))
