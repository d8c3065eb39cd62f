"""The whole walk on the example, for each kind of change: edit, generate, apply, equal; back, equal; and again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import psycopg
import pytest
from sqlalchemy import Connection
from tests.fixtures.older_server import older_server
from tests.fixtures.shop_changes import CHANGES, ROWS
from tests.fixtures.shops import ShopCopy, shop

from fairlead.errors import DecisionNeeded, MigrationFailed, OperatorError, TargetInvalid
from fairlead.toolkit import environment
from fairlead.toolkit.catalogue import Catalogue, read_catalogue
from fairlead.toolkit.change import changes
from fairlead.toolkit.check import check
from fairlead.toolkit.decisions import Deciding
from fairlead.toolkit.difference import declared_within
from fairlead.toolkit.generate import Wanted, custom, generate, write
from fairlead.toolkit.hints import Hints
from fairlead.toolkit.revision_file import Draft, source
from fairlead.toolkit.rewrite import Rewritten
from fairlead.toolkit.shadow import scratch
from fairlead.toolkit.trial import try_out

__all__ = ["shop"]

WANTED = Wanted("Change the shop", date(2026, 11, 25))


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


def _run(shop: ShopCopy, connection: Connection, revision: str, *, back: bool = False) -> None:
    (environment.downgrade if back else environment.upgrade)(shop.target(), connection, revision)


def _differing(shop: ShopCopy, connection: Connection, declared: Catalogue) -> list[str]:
    return [change.sentence("the database") for change in changes(_catalogue(shop, connection), declared)]


def _catalogue(shop: ShopCopy, connection: Connection) -> Catalogue:
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
    with scratch(any_url) as url, environment.connected(url) as connection:
        shop.edit(*change.edits)
        declared = declared_within(connection, shop.target())
        _run(shop, connection, "head")
        before = _catalogue(shop, connection)
        with psycopg.connect(url) as other:
            other.execute(ROWS)
        drafts = _generated(shop, any_url, change.hints)
        assert len(drafts) == change.revisions
        for again in (False, True):
            if again:  # as after a run that was killed before its transaction
                try_out(shop.target(), url, [Rewritten(drafts[0].up.alone, ())])
            _run(shop, connection, "head")
            assert _differing(shop, connection, declared) == []
            with psycopg.connect(url) as other:
                assert other.execute(change.query.encode()).fetchall() == change.rows
            _run(shop, connection, "20261125_first_tables", back=True)
            assert _catalogue(shop, connection) == before


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
    assert "create index concurrently if not exists customers_email_idx on shop.customers (email);" in up.read_text()
    assert "drop index concurrently if exists shop.customers_email_idx;" in down.read_text()
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
    assert "set local lock_timeout = '3s'" in source(draft)


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


def test_a_type_in_a_schema_that_is_not_compared(shop: ShopCopy, server_url: str) -> None:
    """A type that the models put elsewhere is made by no revision, and it is said what to write."""
    size = 'class Size(StrEnum):\n    """How large."""\n\n    S = "S"\n\n\nclass Customer('
    column = "    note: Mapped[str | None]\n"
    shop.edit(("class Customer(", size), (column, f"{column}    size: Mapped[Size | None]\n"))
    with pytest.raises(MigrationFailed, match=r"type \"size\" does not exist.*Enum\(…, schema='shop'\)"):
        _generated(shop, server_url, Hints())


def test_a_table_in_a_schema_that_is_not_compared(shop: ShopCopy, server_url: str) -> None:
    """A table that the models put elsewhere would be made by nobody and seen by no check: it is said what to write."""
    shop.edit(
        ('__tablename__ = "customers"\n', '__tablename__ = "customers"\n    __table_args__ = {"schema": "crm"}\n')
    )
    shop.edit(("shop.customers.id", "crm.customers.id"))
    for look in (_generated, lambda *_: check(shop.target(), server_url)):
        with pytest.raises(TargetInvalid, match=r'schemas = \["shop", "crm"\]') as raised:
            look(shop, server_url, Hints())
        assert list(raised.value.details) == ["crm.customers"]


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
    with scratch(workshop_url) as url, environment.connected(url) as running:
        _run(shop, running, "head")
        with psycopg.connect(url) as connection:
            connection.execute("alter table shop.customers no force row level security")
            connection.execute("insert into shop.shops (name) values ('north')")
            connection.execute("insert into shop.customers (shop_id, fullname) values (1, 'Ada')")
            connection.execute("alter table shop.customers force row level security")
        _generated(shop, workshop_url, change.hints)
        with pytest.raises(MigrationFailed, match=r"Row-level security hides rows of shop\.customers"):
            _run(shop, running, "head")
