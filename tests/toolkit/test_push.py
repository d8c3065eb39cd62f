from __future__ import annotations

from decimal import Decimal

import pytest
from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Column,
    Computed,
    Constraint,
    Enum,
    Index,
    Integer,
    MetaData,
    Numeric,
    String,
    Table,
    Text,
    UniqueConstraint,
    event,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.schema import DDL
from tests.fixtures.databases import as_login, database_of
from tests.fixtures.doctor import do
from tests.fixtures.pushes import NAMING, carried_out, live, planned, pushed, rows

from fairlead.errors import DecisionNeeded, DestructiveRefused, OperatorError, PushFailed
from fairlead.toolkit.decisions import Deciding
from fairlead.toolkit.hints import Hints
from fairlead.toolkit.one_transaction import one_transaction
from fairlead.toolkit.push import Plan, plan

pytestmark = pytest.mark.usefixtures("workbench")
SECURED = (
    "alter table users enable row level security",
    "alter table users force row level security",
    "create policy users_none on users using (false)",
)


def _users(*further: Column[object] | Constraint | Index, secured: bool = False, name: str = "users") -> MetaData:
    metadata = MetaData(naming_convention=NAMING)
    table = Table(name, metadata, Column("id", BigInteger, primary_key=True, autoincrement=False), *further)
    for statement in SECURED if secured else ():
        event.listen(table, "after_create", DDL(statement))  # type: ignore[no-untyped-call]  # SQLAlchemy's gap
    return metadata


def _text(name: str, **options: object) -> Column[object]:
    return Column(name, Text, **options)  # type: ignore[arg-type]


def _enum(*values: str, default: str | None = None, nullable: bool = True) -> Column[object]:
    return Column("state", Enum(*values, name="user_state"), server_default=default, nullable=nullable)


def _filled(url: str, *values: str, columns: str = "id") -> None:
    do(url, "alter table users no force row level security")
    do(url, *(f"insert into users ({columns}) values ({value})" for value in values))  # noqa: S608


def test_everything_that_a_model_declares(empty_url: str) -> None:
    """Tables, enums, indexes, row security and policies are pushed; a second push finds nothing to do."""
    metadata = _users(_text("name"), _enum("new", "old"), Index("users_name_idx", "name"), secured=True)
    assert pushed(empty_url, metadata).statements
    assert planned(empty_url, metadata).statements == ()
    assert rows(empty_url, "select polname from pg_policy") == [("users_none",)]


def test_a_push_that_fails_half_way(empty_url: str) -> None:
    """When a later statement fails, what earlier ones did is not there either."""
    metadata = _users(_text("name"))
    pushed(empty_url, metadata)
    _filled(empty_url, "0, 'a'", columns="id, name")
    wrong = _users(_text("name"), _text("nick"), Index("users_wrong", text("(1 / id)")))
    with pytest.raises(PushFailed) as raised:
        pushed(empty_url, wrong)
    [(statement, said)] = raised.value.details.items()
    assert ("users_wrong" in statement, said) == (True, "division by zero. Mend that first.")
    assert planned(empty_url, metadata).statements == ()


@pytest.mark.parametrize("secured", [False, True])
def test_a_column_with_values_goes(empty_url: str, *, secured: bool) -> None:
    """A column with values goes only when that is allowed, also where row security hides its rows."""
    pushed(empty_url, _users(_text("nick"), _text("spare"), secured=secured))
    _filled(empty_url, "1, 'a'", "2, null", "3, 'c'", columns="id, nick")
    do(empty_url, *SECURED[:2] if secured else ("select 1",))
    with pytest.raises(DestructiveRefused) as raised:
        pushed(empty_url, _users(secured=secured))
    assert raised.value.details == {"--allow-drop users.nick": "The column users.nick goes, with its values in 2 rows."}
    assert rows(empty_url, "select count(*) from pg_attribute where attname = 'nick'") == [(1,)]
    pushed(empty_url, _users(secured=secured), allowed=["users.nick"])
    assert rows(empty_url, "select count(*) from pg_attribute where attname = 'nick'") == [(0,)]


def test_a_table_goes(empty_url: str) -> None:
    """A table with rows goes only when that is allowed; an empty one goes at once."""
    pushed(empty_url, _users())
    _filled(empty_url, "1")
    with pytest.raises(DestructiveRefused) as raised:
        pushed(empty_url, MetaData())
    assert raised.value.details == {"--allow-drop users": "The table users goes, with 1 row."}
    do(empty_url, "delete from users")
    pushed(empty_url, MetaData())
    assert rows(empty_url, "select to_regclass('users')") == [(None,)]


def test_a_type_gets_narrower(empty_url: str) -> None:
    """Values that would not come back as they were are counted; without any the type changes at once."""
    pushed(empty_url, _users(Column("total", Numeric(10, 2))))
    _filled(empty_url, "1, 1.5", "2, 2", "3, null", columns="id, total")
    narrow = _users(Column("total", Integer))
    with pytest.raises(DestructiveRefused) as raised:
        pushed(empty_url, narrow)
    assert list(raised.value.details) == ["--allow-drop users.total"]
    assert "1 row" in raised.value.details["--allow-drop users.total"]
    pushed(empty_url, narrow, allowed=["users.total"])
    assert rows(empty_url, "select total from users order by id") == [(2,), (2,), (None,)]
    assert pushed(empty_url, _users(Column("total", BigInteger))).losses == ()


def test_a_text_gets_shorter(empty_url: str) -> None:
    """Texts that are cut are counted, and cut only when that is allowed."""
    pushed(empty_url, _users(Column("code", String(10))))
    _filled(empty_url, "1, 'abcdef'", "2, 'ab'", columns="id, code")
    with pytest.raises(DestructiveRefused):
        pushed(empty_url, _users(Column("code", String(3))))
    pushed(empty_url, _users(Column("code", String(3))), allowed=["users.code"])
    assert rows(empty_url, "select code from users order by id") == [("abc",), ("ab",)]


def test_a_text_becomes_a_number(empty_url: str) -> None:
    """A text that would not come back as it was is a loss too, though PostgreSQL converts it when it is told to."""
    pushed(empty_url, _users(_text("code")))
    _filled(empty_url, "1, '007'", "2, '12'", columns="id, code")
    wanted, cast = _users(Column("code", Integer)), {"users.code": "code::integer"}
    with pytest.raises(DecisionNeeded, match=r'--cast "users\.code=code::integer"'):
        pushed(empty_url, wanted)
    with pytest.raises(DestructiveRefused) as raised:
        pushed(empty_url, wanted, casts=cast)
    assert "1 row" in raised.value.details["--allow-drop users.code"]
    pushed(empty_url, wanted, casts=cast, allowed=["users.code"])
    assert rows(empty_url, "select code from users order by id") == [(7,), (12,)]


def test_values_that_cannot_be_converted(empty_url: str) -> None:
    """What PostgreSQL cannot convert is told with its own words, and how to say it; then it is done so."""
    pushed(empty_url, _users(_text("total")))
    _filled(empty_url, "1, '12'", "2, 'many'", columns="id, total")
    wanted = _users(Column("total", Integer))
    with pytest.raises(PushFailed) as raised:
        pushed(empty_url, wanted, casts={"users.total": "total::integer"})
    assert "invalid input syntax" in raised.value.details["users.total"]
    assert '--cast "users.total=' in raised.value.details["users.total"]
    cast = {"users.total": "case when total ~ '^[0-9]+$' then total::integer end"}
    pushed(empty_url, wanted, casts=cast, allowed=["users.total"])
    assert rows(empty_url, "select total from users order by id") == [(12,), (None,)]


def test_a_column_that_must_not_be_empty(empty_url: str) -> None:
    """NOT NULL asks for a value only where rows have none, and gives it also where row security hides them."""
    pushed(empty_url, _users(_text("nick"), secured=True))
    wanted = _users(_text("nick", nullable=False), _text("code", nullable=False), secured=True)
    assert pushed(empty_url, wanted).obstacles == ()
    pushed(empty_url, _users(_text("nick"), secured=True))
    _filled(empty_url, "1, 'a'", "2, null", columns="id, nick")
    do(empty_url, *SECURED[:2])
    with pytest.raises(DecisionNeeded) as raised:
        pushed(empty_url, wanted)
    assert "--backfill" in " ".join(raised.value.details.values())
    pushed(empty_url, wanted, backfills={"users.nick": "'none'", "users.code": "id::text"})
    do(empty_url, "alter table users no force row level security")
    assert rows(empty_url, "select nick, code from users order by id") == [("a", "1"), ("none", "2")]


def test_a_column_with_a_default_that_must_not_be_empty(empty_url: str) -> None:
    """Rows that have nothing in a column with a default get that when it becomes NOT NULL, and nobody is asked."""
    pushed(empty_url, _users(_text("nick", server_default="none")))
    _filled(empty_url, "1, null", "2, 'b'", columns="id, nick")
    pushed(empty_url, _users(_text("nick", server_default="none", nullable=False)))
    assert rows(empty_url, "select nick from users order by id") == [("none",), ("b",)]


@pytest.mark.parametrize("as_index", [True, False])
def test_values_that_are_not_unique(empty_url: str, *, as_index: bool) -> None:
    """Duplicates stand in the way of uniqueness, are counted, and the query that shows them is given."""
    unique = Index("users_nick_idx", "nick", unique=True) if as_index else UniqueConstraint("nick")
    pushed(empty_url, _users(_text("nick")))
    _filled(empty_url, "1, 'a'", "2, 'a'", "3, null", "4, null", "5, 'b'", columns="id, nick")
    with pytest.raises(PushFailed) as raised:
        pushed(empty_url, _users(_text("nick"), unique))
    [said] = raised.value.details.values()
    assert said.startswith("2 rows of users are not unique by nick.")
    assert rows(empty_url, said.partition("this shows them: ")[2]) == [("a", 2)]


def test_a_value_of_an_enum_goes(empty_url: str) -> None:
    """A value that rows have stands in the way and is counted; one that none has goes, and so does a rename."""
    pushed(empty_url, _users(_enum("new", "odd", "old")))
    _filled(empty_url, "1, 'odd'", columns="id, state")
    with pytest.raises(PushFailed) as raised:
        pushed(empty_url, _users(_enum("new", "old")))
    assert "1 row of users have it in state" in raised.value.details["user_state.odd"]
    with pytest.raises(DecisionNeeded, match="Renamed, or dropped"):
        pushed(empty_url, _users(_enum("new", "even", "old")))
    pushed(empty_url, _users(_enum("new", "even", "old")), renames={"user_state.odd": "even"})
    assert rows(empty_url, "select state::text from users") == [("even",)]
    do(empty_url, "update users set state = 'new'")
    pushed(empty_url, _users(_enum("new", "old")))
    assert rows(empty_url, "select enumlabel from pg_enum order by enumsortorder") == [("new",), ("old",)]


@pytest.mark.parametrize(
    "wanted",
    [
        [_enum("new", "paid", default="paid")],
        [_enum("new", "paid"), CheckConstraint("state <> 'paid' or id > 0", name="paid")],
        [_enum("new", "paid"), Index("users_paid_idx", "id", postgresql_where=text("state = 'paid'"))],
    ],
    ids=["default", "check", "index"],
)
def test_a_value_of_an_enum_that_is_used_at_once(
    empty_url: str, wanted: list[Column[object] | Constraint | Index]
) -> None:
    """A new value may be used by whatever else is pushed: it is committed before, and only then."""
    pushed(empty_url, _users(_enum("new")))
    metadata = _users(*wanted)
    assert pushed(empty_url, metadata).first == ("alter type user_state add value 'paid' after 'new'",)
    assert planned(empty_url, metadata) == Plan((), ())


def test_a_value_of_an_enum_that_nothing_uses(empty_url: str) -> None:
    """A new value goes with everything else, in one transaction, where nothing of that uses it."""
    pushed(empty_url, _users(_enum("new")))
    done = pushed(empty_url, _users(_enum("new", "paid"), _text("nick")))
    assert done.first == ()


def test_a_new_value_as_what_rows_get(empty_url: str) -> None:
    """A backfill may give rows a value that the same push adds, beside one that gets another name."""
    pushed(empty_url, _users(_enum("new", "odd")))
    _filled(empty_url, "1, null", "2, 'odd'", columns="id, state")
    wanted = _users(_enum("new", "even", "paid", nullable=False))
    pushed(empty_url, wanted, renames={"user_state.odd": "even"}, backfills={"users.state": "'paid'"})
    assert rows(empty_url, "select state::text from users order by id") == [("paid",), ("even",)]


def test_what_stays_when_the_rest_of_a_push_fails(empty_url: str) -> None:
    """When what uses a new value fails, the value stays, and the error says that it does; then the push goes on."""
    pushed(empty_url, _users(_enum("new"), _text("nick")))
    wanted = _users(_enum("new", "paid", default="paid"), _text("nick"), UniqueConstraint("nick"))
    found = planned(empty_url, wanted)
    _filled(empty_url, "1, 'a'", "2, 'a'", columns="id, nick")
    with pytest.raises(PushFailed, match="The new values of enums were committed before and stay; nothing else was"):
        carried_out(empty_url, wanted, found)
    do(empty_url, "delete from users where id = 2")
    assert pushed(empty_url, wanted).first == ()


def test_a_login_that_may_not(empty_url: str, server_url: str, stranger: str) -> None:
    """What a login may neither change nor read is found when a push is planned, before anybody is told to expect it."""
    url, wider = as_login(server_url, database_of(empty_url), stranger), _users(_text("nick"), _text("name"))
    pushed(empty_url, _users(_text("nick")))
    with one_transaction(url) as (connection, _):
        [obstacle] = plan(live(connection, wider), Deciding(Hints())).obstacles
        assert (obstacle.name, obstacle.sentence) == (
            "alter table users add column name text",
            "must be owner of table users.",
        )
        with pytest.raises(OperatorError, match="This login may not do that: permission denied for table users"):
            plan(live(connection, _users()), Deciding(Hints()))


def test_a_serial_key_gets_wider(empty_url: str) -> None:
    """The sequence of a serial column becomes as wide as the column."""
    for kind in (Integer, BigInteger, Integer):
        metadata = MetaData()
        Table("users", metadata, Column("id", kind, primary_key=True))
        pushed(empty_url, metadata)
        assert planned(empty_url, metadata) == Plan((), ())


def test_a_domain_that_columns_have_changes(empty_url: str) -> None:
    """What a domain asks of values is changed where it is, since it cannot go while a column has it."""
    for asked in (
        "check (value > 0)",
        "default 7 check (value > 0 and value < 9)",
        "not null constraint odd check (value <> 4)",
    ):
        metadata = _users()
        event.listen(metadata, "before_create", DDL(f"create domain rank as integer {asked}"))  # type: ignore[no-untyped-call]  # SQLAlchemy's gap
        event.listen(metadata, "after_create", DDL("alter table users add column place rank"))  # type: ignore[no-untyped-call]  # same
        pushed(empty_url, metadata)
        assert planned(empty_url, metadata) == Plan((), ())


def test_a_materialized_view_with_an_index(empty_url: str) -> None:
    """An index of a materialized view that is new comes after the view."""
    metadata = _users(_text("nick"))
    for statement in (
        "create materialized view nicks as select nick from users",
        "create index nicks_idx on nicks (nick)",
    ):
        event.listen(metadata, "after_create", DDL(statement))  # type: ignore[no-untyped-call]  # SQLAlchemy's gap
    pushed(empty_url, metadata)
    assert planned(empty_url, metadata) == Plan((), ())


def test_a_default_that_is_set_by_ddl(empty_url: str) -> None:
    """A default of which only DDL behind the table knows comes with a new table, and with a new column."""
    for names in (["nick"], ["nick", "name"]):
        metadata = _users(*map(_text, names))
        for name in names:
            event.listen(metadata, "after_create", DDL(f"alter table users alter column {name} set default 'x'"))  # type: ignore[no-untyped-call]  # SQLAlchemy's gap
        pushed(empty_url, metadata)
        assert planned(empty_url, metadata) == Plan((), ())


def test_a_column_that_is_computed_from_one_whose_type_changes(empty_url: str) -> None:
    """It comes when the other has its new type, however that is converted, and goes before."""
    pushed(empty_url, _users(_text("total")))
    _filled(empty_url, "1, '1.5'", columns="id, total")
    cast = {"users.total": "total::numeric"}
    pushed(
        empty_url,
        _users(Column("total", Numeric), Column("twice", Numeric, Computed("total * 2", persisted=True))),
        casts=cast,
    )
    assert rows(empty_url, "select twice from users") == [(Decimal("3.0"),)]
    pushed(empty_url, _users(_text("total")), casts={"users.total": "total::text"}, allowed=["users.twice"])
    assert rows(empty_url, "select total from users") == [("1.5",)]


def test_a_type_that_cannot_be_compared(empty_url: str) -> None:
    """Values of JSON, which has no equality, are held against what becomes of them all the same."""
    pushed(empty_url, _users(Column("more", JSON)))
    _filled(empty_url, """1, '{"a":1}'""", columns="id, more")
    pushed(empty_url, _users(Column("more", JSONB)))
    assert rows(empty_url, "select more from users") == [({"a": 1},)]


def test_a_column_that_begins_and_ends_to_be_generated(empty_url: str) -> None:
    """What is in a column that becomes a generated one goes when that is allowed; what was generated stays."""
    pushed(empty_url, _users(Column("twice", BigInteger)))
    _filled(empty_url, "1, 7", "2, null", columns="id, twice")
    generated = _users(Column("twice", BigInteger, Computed("id * 2", persisted=True)))
    with pytest.raises(DestructiveRefused) as raised:
        pushed(empty_url, generated)
    assert raised.value.details == {
        "--allow-drop users.twice": "The column users.twice becomes a generated one; its values in 1 row go."
    }
    pushed(empty_url, generated, allowed=["users.twice"])
    pushed(empty_url, _users(Column("twice", BigInteger)))
    assert rows(empty_url, "select id, twice from users order by id") == [(1, 2), (2, 4)]


def test_a_rename_keeps_the_values(empty_url: str) -> None:
    """What may be renamed is asked; told so, the values stay, and told that it is dropped, they go."""
    pushed(empty_url, _users(_text("nick")))
    _filled(empty_url, "1, 'a'", columns="id, nick")
    with pytest.raises(DecisionNeeded) as raised:
        pushed(empty_url, _users(_text("name")))
    assert raised.value.details == {"users.nick": "--rename users.nick=users.name or --allow-drop users.nick"}
    pushed(empty_url, _users(_text("name")), renames={"users.nick": "users.name"})
    assert rows(empty_url, "select name from users") == [("a",)]
    pushed(empty_url, _users(_text("nick")), allowed=["users.name"])
    assert rows(empty_url, "select nick from users") == [(None,)]


def test_what_somebody_changed_meanwhile(empty_url: str) -> None:
    """A plan that does not lead to the models any more is not kept."""
    pushed(empty_url, _users())
    metadata = _users(_text("nick"))
    found = planned(empty_url, metadata)
    do(empty_url, "alter table users add column other int")
    with pytest.raises(PushFailed) as raised:
        carried_out(empty_url, metadata, found)
    assert "users.other" in " ".join(raised.value.details.values())
    assert rows(empty_url, "select count(*) from pg_attribute where attname = 'nick'") == [(0,)]
