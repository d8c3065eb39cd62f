"""The whole walk on the example, for each kind of change: edit, generate, apply, equal; back, equal; and again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date

import psycopg
import pytest
from tests.fixtures.older_server import older_server
from tests.fixtures.shops import ShopCopy, shop

from fairlead.errors import DecisionNeeded, MigrationFailed, OperatorError
from fairlead.toolkit import environment
from fairlead.toolkit.catalogue import Catalogue, read_catalogue
from fairlead.toolkit.change import changes
from fairlead.toolkit.decisions import Deciding
from fairlead.toolkit.difference import declared_catalogue
from fairlead.toolkit.generate import Wanted, custom, generate, write
from fairlead.toolkit.hints import Hints, read_hints
from fairlead.toolkit.revision_file import Draft, source
from fairlead.toolkit.rewrite import Rewritten
from fairlead.toolkit.shadow import scratch
from fairlead.toolkit.trial import try_out

__all__ = ["shop"]

WANTED = Wanted("Change the shop", date(2026, 11, 25))
ROWS = """
    insert into shop.shops (name) values ('north'), ('south');
    insert into shop.customers (shop_id, fullname, email) values (1, 'Ada', 'ada@example.com'), (2, 'Ben', null);
    insert into shop.orders (shop_id, customer_id, status, total_cents, note)
        values (1, 1, 'paid', 500, 'now'), (2, 2, 'new', 0, null);
"""


@dataclass(frozen=True)
class Change:
    """An edit of the models, what has to be answered, and what the rows are afterwards."""

    edits: tuple[tuple[str, str], ...]
    query: str
    rows: list[tuple[object, ...]]
    rename: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    backfills: tuple[str, ...] = ()
    casts: tuple[str, ...] = ()
    revisions: int = 1

    @property
    def hints(self) -> Hints:
        return read_hints(None, renames=self.rename, drops=self.drop, backfills=self.backfills, casts=self.casts)


_TENANT = '    shop_id: Mapped[int] = mapped_column(ForeignKey("shop.shops.id", ondelete="CASCADE"), index=True)\n'
_NOTE = "    note: Mapped[str | None]\n"
_TABLE = '''class Voucher(Base):
    """Money to be spent."""

    __tablename__ = "vouchers"

    id: Mapped[Id]
    shop_id: Mapped[int] = mapped_column(ForeignKey("shop.shops.id", ondelete="CASCADE"), index=True)
    code: Mapped[str] = mapped_column(unique=True)


def after_create('''
CHANGES = {
    "add a column": Change(
        ((_NOTE, f"{_NOTE}    gift: Mapped[str | None]\n"),),
        "select id, gift from shop.orders order by id",
        [(1, None), (2, None)],
    ),
    "add a column with an index and a default": Change(
        ((_NOTE, f'{_NOTE}    weight: Mapped[int] = mapped_column(server_default="7", index=True)\n'),),
        "select id, weight from shop.orders order by id",
        [(1, 7), (2, 7)],
    ),
    "add a column that is not null": Change(
        ((_NOTE, f"{_NOTE}    label: Mapped[str]\n"),),
        "select id, label from shop.orders order by id",
        [(1, "order 1"), (2, "order 2")],
        backfills=("shop.orders.label='order ' || id",),
    ),
    "add a column with a default that differs by row": Change(
        (
            (_NOTE, f'{_NOTE}    token: Mapped[UUID] = mapped_column(server_default=text("gen_random_uuid()"))\n'),
            ("from typing import Annotated\n", "from typing import Annotated\nfrom uuid import UUID\n"),
            ("    func,\n", "    func,\n    text,\n"),
        ),
        "select count(distinct token) from shop.orders",
        [(2,)],
    ),
    "rename a column": Change(
        (("    fullname: Mapped[str]\n", "    name: Mapped[str]\n"),),
        "select name from shop.customers order by id",
        [("Ada",), ("Ben",)],
        rename=("shop.customers.fullname=shop.customers.name",),
    ),
    "rename a column that a policy, an index and a key use": Change(
        (
            (f"{_TENANT}    fullname", f"{_TENANT.replace('shop_id', 'owner_id')}    fullname"),
            ("def own_rows_only(model: type[Base])", 'def own_rows_only(model: type[Base], column: str = "shop_id")'),
            ('"USING (shop_id =', 'f"USING ({column} ='),
            (
                "for tenant_table in (Customer, Order):\n    own_rows_only(tenant_table)",
                'own_rows_only(Customer, "owner_id")\nown_rows_only(Order)',
            ),
        ),
        "select owner_id from shop.customers order by id",
        [(1,), (2,)],
        rename=("shop.customers.shop_id=owner_id",),
    ),
    "rename a table": Change(
        (('__tablename__ = "customers"', '__tablename__ = "clients"'), ("shop.customers.id", "shop.clients.id")),
        "select fullname from shop.clients order by id",
        [("Ada",), ("Ben",)],
        rename=("shop.customers=shop.clients",),
    ),
    "rename a table and a column in it, and change that": Change(
        (
            ('__tablename__ = "customers"', '__tablename__ = "clients"'),
            ("shop.customers.id", "shop.clients.id"),
            ("    fullname: Mapped[str]\n", "    name: Mapped[str | None]\n"),
        ),
        "select name from shop.clients order by id",
        [("Ada",), ("Ben",)],
        rename=("shop.customers=shop.clients", "shop.customers.fullname=name"),
    ),
    "add an enum value in the middle, and use it": Change(
        (('    PAID = "paid"\n', '    PACKED = "packed"\n    PAID = "paid"\n'), ('default="new"', 'default="packed"')),
        "select enum_range(null::shop.order_status)::text",
        [("{new,packed,paid,shipped}",)],
    ),
    "rename an enum value": Change(
        (('PAID = "paid"', 'SETTLED = "settled"'),),
        "select status::text from shop.orders order by id",
        [("settled",), ("new",)],
        rename=("shop.order_status.paid=settled",),
    ),
    "drop an enum value": Change(
        (('    SHIPPED = "shipped"\n', ""),),
        "select status::text from shop.orders order by id",
        [("paid",), ("new",)],
    ),
    "add a table with a policy": Change(
        (("def after_create(", _TABLE), ("(Customer, Order)", "(Customer, Order, Voucher)")),
        "select relrowsecurity, relforcerowsecurity from pg_class where oid = 'shop.vouchers'::regclass",
        [(True, True)],
    ),
    "add a table and a key to it": Change(
        (
            ("def after_create(", _TABLE),
            (_NOTE, f'{_NOTE}    voucher_id: Mapped[int | None] = mapped_column(ForeignKey("shop.vouchers.id"))\n'),
        ),
        "select id, voucher_id from shop.orders order by id",
        [(1, None), (2, None)],
        revisions=2,
    ),
    "change a type": Change(
        (
            (
                'total_cents: Mapped[int] = mapped_column(server_default="0")',
                'total_cents: Mapped[int] = mapped_column(Integer, server_default="0")',
            ),
            ("    Identity,\n", "    Identity,\n    Integer,\n"),
        ),
        "select total_cents from shop.orders order by id",
        [(500,), (0,)],
    ),
    "change a type that does not convert by itself": Change(
        (("    note: Mapped[str | None]\n", "    note: Mapped[datetime | None]\n"),),
        "select note is not null from shop.orders order by id",
        [(True,), (False,)],
        casts=("shop.orders.note=note::timestamptz",),
    ),
    "set not null": Change(
        (("    email: Mapped[str | None]\n", "    email: Mapped[str]\n"),),
        "select email from shop.customers order by id",
        [("ada@example.com",), ("nobody",)],
        backfills=("shop.customers.email='nobody'",),
    ),
    "drop not null": Change(
        (("    fullname: Mapped[str]\n", "    fullname: Mapped[str | None]\n"),),
        "select fullname from shop.customers order by id",
        [("Ada",), ("Ben",)],
    ),
    "add a unique constraint": Change(
        (("    email: Mapped[str | None]\n", "    email: Mapped[str | None] = mapped_column(unique=True)\n"),),
        "select count(*) from pg_constraint where conname = 'customers_email_key'",
        [(1,)],
    ),
    "add an index": Change(
        (("    email: Mapped[str | None]\n", "    email: Mapped[str | None] = mapped_column(index=True)\n"),),
        "select indisvalid from pg_index where indexrelid = 'shop.customers_email_idx'::regclass",
        [(True,)],
    ),
    "add a foreign key": Change(
        ((_NOTE, f'{_NOTE}    again_id: Mapped[int | None] = mapped_column(ForeignKey("shop.orders.id"))\n'),),
        "select convalidated from pg_constraint where conname = 'orders_again_id_fkey'",
        [(True,)],
    ),
    "add and change a check": Change(
        (
            (
                'CheckConstraint("total_cents >= 0", name="total")',
                'CheckConstraint("total_cents >= -5", name="total"), CheckConstraint("id > 0", name="id")',
            ),
        ),
        "select convalidated from pg_constraint where conname in ('orders_total_check', 'orders_id_check')",
        [(True,), (True,)],
    ),
    "change a default": Change(
        (
            (
                'total_cents: Mapped[int] = mapped_column(server_default="0")',
                'total_cents: Mapped[int] = mapped_column(server_default="9")',
            ),
        ),
        "select total_cents from shop.orders order by id",
        [(500,), (0,)],
    ),
    "change a function": Change(
        (("NEW.changed_at = statement_timestamp();", "NEW.changed_at = clock_timestamp();"),),
        "select prosrc like '%clock_timestamp%' from pg_proc where proname = 'touch'",
        [(True,)],
    ),
    "drop a column": Change(
        ((_NOTE, ""),),
        "select id from shop.orders order by id",
        [(1,), (2,)],
    ),
    "drop a table": Change(
        (
            (
                '"""What somebody bought, and when."""\n\n    __tablename__ = "orders"',
                '"""Nothing."""\n\n    __abstract__ = True',
            ),
            ('    __table_args__ = (CheckConstraint("total_cents >= 0", name="total"),)\n', ""),
            ("(Customer, Order)", "(Customer,)"),
            ("after_create(\n    Order,", "after_create(\n    Customer,"),
            ("BEFORE UPDATE ON shop.orders", "BEFORE UPDATE ON shop.customers"),
        ),
        "select to_regclass('shop.orders')::text",
        [(None,)],
    ),
}


@pytest.fixture(scope="module")
def older_url() -> Iterator[str]:
    """A superuser's URL on PostgreSQL 15."""
    with older_server() as url:
        yield url


@pytest.fixture
def any_url(request: pytest.FixtureRequest) -> str:
    """A URL on the server that the test names by its fixture."""
    url = request.getfixturevalue(request.param)
    assert isinstance(url, str)
    return url


def _generated(shop: ShopCopy, url: str, hints: Hints) -> list[Draft]:
    drafts = generate(shop.target(), url, wanted=WANTED, deciding=Deciding(hints))
    write(shop.target(), drafts)
    return drafts


def _run(shop: ShopCopy, url: str, revision: str, *, back: bool = False) -> None:
    with environment.connected(url) as connection:
        (environment.downgrade if back else environment.upgrade)(shop.target(), connection, revision)


def _differing(shop: ShopCopy, url: str, declared: Catalogue) -> list[str]:
    return [change.sentence("the database") for change in changes(_catalogue(shop, url), declared)]


def _catalogue(shop: ShopCopy, url: str) -> Catalogue:
    with environment.connected(url) as connection:
        return read_catalogue(connection, shop.target())


# On the oldest server that is supported go those whose SQL is the furthest from everyday; all of them go there when the
# whole suite does.
ON_OLDER = (
    "add a column with a default that differs by row",
    "rename a column that a policy, an index and a key use",
    "add an enum value in the middle, and use it",
    "add a table with a policy",
    "set not null",
)
WALKS = [*(("server_url", name) for name in CHANGES), *(("older_url", name) for name in ON_OLDER)]


@pytest.mark.parametrize(("any_url", "name"), WALKS, indirect=["any_url"])
def test_the_walk(shop: ShopCopy, any_url: str, name: str) -> None:
    """Each kind of change reaches the models and comes back to the schema before; the rows live through it."""
    change = CHANGES[name]
    with scratch(any_url) as url:
        _run(shop, url, "head")
        before = _catalogue(shop, url)
        with psycopg.connect(url) as connection:
            connection.execute(ROWS)
        shop.edit(*change.edits)
        drafts = _generated(shop, any_url, change.hints)
        assert len(drafts) == change.revisions
        declared = declared_catalogue(shop.target(), any_url)
        for again in (False, True):
            if again:  # as after a run that was killed before its transaction
                try_out(shop.target(), url, [Rewritten(drafts[0].up.alone, ())])
            _run(shop, url, "head")
            assert _differing(shop, url, declared) == []
            with psycopg.connect(url) as connection:
                assert connection.execute(change.query.encode()).fetchall() == change.rows
            _run(shop, url, "20261125_first_tables", back=True)
            assert _catalogue(shop, url) == before


def test_nothing_to_do(shop: ShopCopy, server_url: str) -> None:
    """Where the migrations build what the models declare there is no revision."""
    assert _generated(shop, server_url, Hints()) == []


def test_it_is_always_the_same(shop: ShopCopy, server_url: str) -> None:
    """The same models, migrations, answers and day give the same files, to the letter."""
    change = CHANGES["add a table and a key to it"]
    shop.edit(*change.edits)
    texts = {
        "".join(map(source, generate(shop.target(), server_url, wanted=WANTED, deciding=Deciding(change.hints))))
        for _ in range(3)
    }
    assert len(texts) == 1


def test_the_sql_lies_beside_it(shop: ShopCopy, server_url: str) -> None:
    """What is sent up and down lies beside the module, with the transactions it is sent in."""
    shop.edit(*CHANGES["add an index"].edits)
    [draft] = generate(shop.target(), server_url, wanted=WANTED, deciding=Deciding(Hints()))
    module, up, down = write(shop.target(), [draft])
    assert (up.name, down.name) == (f"{module.stem}.up.sql", f"{module.stem}.down.sql")
    assert "CREATE INDEX CONCURRENTLY IF NOT EXISTS customers_email_idx ON shop.customers (email);" in up.read_text()
    assert "DROP INDEX CONCURRENTLY IF EXISTS shop.customers_email_idx;" in down.read_text()
    assert f"SET version_num='{draft.revision}'" in up.read_text()


def test_nothing_is_overwritten(shop: ShopCopy, server_url: str) -> None:
    """A second revision of the same day and message gets a name of its own; a file in the way is left as it is."""
    shop.edit(*CHANGES["add a column"].edits)
    [draft] = _generated(shop, server_url, Hints())
    with pytest.raises(OperatorError, match="not overwritten"):
        write(shop.target(), [draft])
    [other] = custom(shop.target(), WANTED)
    assert (other.revision, other.after) == (f"{draft.revision}_2", draft.revision)


def test_a_custom_revision_is_empty(shop: ShopCopy) -> None:
    """An empty revision can be filled in by hand, has the lock_timeout already, and fits Alembic's version table."""
    wanted = Wanted("Move what was ordered before we had vouchers", date(2026, 11, 25))
    [draft] = custom(shop.target(), wanted)
    assert draft.revision == "20261125_move_what_was_ordered"
    assert len(draft.revision) <= 32
    assert "SET LOCAL lock_timeout = '3s'" in source(draft)


def test_without_an_answer_nothing_is_written(shop: ShopCopy, server_url: str) -> None:
    """A rename that nobody decided is a question that names each answer, and no file."""
    before = list((shop.directory / "migrations" / "versions").iterdir())
    shop.edit(*CHANGES["rename a column"].edits)
    with pytest.raises(DecisionNeeded) as raised:
        _generated(shop, server_url, Hints())
    assert raised.value.details == {
        "shop.customers.fullname": "--rename shop.customers.fullname=shop.customers.name"
        " or --allow-drop shop.customers.fullname"
    }
    assert list((shop.directory / "migrations" / "versions").iterdir()) == before


def test_a_drop_has_to_be_said_when_it_could_be_a_rename(shop: ShopCopy, server_url: str) -> None:
    """What is said to be dropped is dropped, and the revision warns of it."""
    shop.edit(*CHANGES["rename a column"].edits)
    hints = Hints(drops=frozenset({"shop.customers.fullname"}), backfills={"shop.customers.name": "'?'"})
    [draft] = _generated(shop, server_url, hints)
    assert "drop column shop.customers.fullname with its values" in draft.sentences
    assert any("without what was in it" in warning for warning in draft.warnings)


def test_a_hint_that_answers_nothing(shop: ShopCopy, server_url: str) -> None:
    """A misspelt hint is refused rather than ignored."""
    shop.edit(*CHANGES["add a column"].edits)
    with pytest.raises(DecisionNeeded, match="answer no question"):
        _generated(shop, server_url, Hints(renames={"shop.customers.fulname": "name"}))


@pytest.mark.parametrize(
    ("name", "option"),
    [
        ("add a column that is not null", '--backfill "shop.orders.label=<SQL expression>"'),
        ("set not null", '--backfill "shop.customers.email=<SQL expression>"'),
        ("change a type that does not convert by itself", '--cast "shop.orders.note=note::timestamp with time zone"'),
    ],
)
def test_what_would_fail_on_rows_is_asked_before(shop: ShopCopy, server_url: str, name: str, option: str) -> None:
    """A change that rows could stop says what to pass instead of failing when it is applied."""
    shop.edit(*CHANGES[name].edits)
    with pytest.raises(DecisionNeeded) as raised:
        _generated(shop, server_url, Hints())
    assert option in "".join(raised.value.details.values())


def test_an_expression_that_is_no_sql(shop: ShopCopy, server_url: str) -> None:
    """An answer that PostgreSQL does not take is refused before anything is written, with its own words."""
    change = CHANGES["set not null"]
    shop.edit(*change.edits)
    with pytest.raises(MigrationFailed, match=r"column \"nobody\" does not exist.*Nothing was written"):
        _generated(shop, server_url, Hints(backfills={"shop.customers.email": "nobody"}))


def test_two_newest_revisions(shop: ShopCopy, server_url: str) -> None:
    """Revisions that two people added side by side have to be joined first, and it says how."""
    [draft] = custom(shop.target(), WANTED)
    write(shop.target(), [draft])
    write(shop.target(), [replace(draft, revision="20261125_another")])
    with pytest.raises(OperatorError, match="alembic merge heads"):
        _generated(shop, server_url, Hints())


def test_rows_that_row_security_hides_are_not_passed_over(shop: ShopCopy, workshop_url: str) -> None:
    """A login that row security keeps from rows does not fill the others and go on: it says what is needed."""
    change = CHANGES["set not null"]
    shop.edit(*change.edits)
    with scratch(workshop_url) as url:
        _run(shop, url, "head")
        with psycopg.connect(url) as connection:
            connection.execute("alter table shop.customers no force row level security")
            connection.execute("insert into shop.shops (name) values ('north')")
            connection.execute("insert into shop.customers (shop_id, fullname) values (1, 'Ada')")
            connection.execute("alter table shop.customers force row level security")
        _generated(shop, workshop_url, change.hints)
        with pytest.raises(MigrationFailed, match=r"Row-level security hides rows of shop\.customers"):
            _run(shop, url, "head")
