from __future__ import annotations

from collections.abc import Iterator

import pytest
from alembic.operations import ops
from sqlalchemy import MetaData
from sqlalchemy.types import UserDefinedType
from tests.fixtures.pushes import target_of

from fairlead.toolkit.compared import Shadow
from fairlead.toolkit.conversions import Narrowing, narrowings
from fairlead.toolkit.one_transaction import one_transaction
from fairlead.toolkit.shadow import scratch


class _Type(UserDefinedType[object]):
    """A type as SQL writes it."""

    def __init__(self, name: str) -> None:
        self.name = name

    def get_col_spec(self, **_options: object) -> str:
        """Return it."""
        return self.name


@pytest.fixture(scope="module")
def shadow(server_url: str) -> Iterator[Shadow]:
    """An empty database, and models that declare nothing."""
    with scratch(server_url) as url, one_transaction(url) as (connection, _):
        with connection.begin():
            connection.exec_driver_sql("create type size as enum ('small', 'large')")
        yield Shadow(target_of(MetaData()), connection, {})


def _tried(shadow: Shadow, was: str, now: str) -> list[Narrowing]:
    with shadow.connection.begin():
        shadow.connection.exec_driver_sql(f"drop table if exists box; create table box (it {was} not null)")
    leaf = ops.AlterColumnOp("box", "it", modify_type=_Type(now), existing_type=_Type(was))
    return list(narrowings(shadow, [leaf], ()))


@pytest.mark.parametrize(
    ("was", "now", "value", "becomes"),
    [
        ("numeric(10, 2)", "numeric(10, 0)", "1.23", "1"),
        ("numeric(10, 2)", "integer", "1.23", "1"),
        ("numeric(10, 2)[]", "integer[]", "{1.23}", "{1}"),
        ("numeric", "double precision", "123456789012345678901234567890.123456789", "1.2345678901234568e+29"),
        ("double precision", "real", "1.2345678901234567", "1.2345679"),
        ("bigint", "double precision", "9007199254740993", "9.007199254740992e+15"),
        ("integer", "real", "2147483647", "2.1474836e+09"),
        ("timestamp", "date", "2001-02-03 04:05:06.789012", "2001-02-03"),
        ("timestamp", "timestamp(0)", "2001-02-03 04:05:06.789012", "2001-02-03 04:05:07"),
        ("timestamp", "time", "2001-02-03 04:05:06.789012", "04:05:06.789012"),
        ("inet", "cidr", "10.1.2.3/8", "10.0.0.0/8"),
        ("text", "char(5)", "a ", "a"),
    ],
)
def test_what_changes_values(shadow: Shadow, was: str, now: str, value: str, becomes: str) -> None:
    """A type into which PostgreSQL converts without a word what does not fit is found, with a value that shows it."""
    assert _tried(shadow, was, now) == [Narrowing("box.it", now, value, becomes)]


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ("varchar(20)", "varchar(3)"),
        ("text", "varchar(20)"),
        ("bigint", "integer"),
        ("numeric(10, 2)", "numeric(8, 2)"),
        ("numeric(10, 2)", "numeric(10, 4)"),
        ("size", "varchar(3)"),
    ],
)
def test_what_is_refused(shadow: Shadow, was: str, now: str) -> None:
    """A type that PostgreSQL refuses values for changes none: rows may stop the change, and nothing else."""
    assert [one.becomes for one in _tried(shadow, was, now)] == [None]


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ("integer", "bigint"),
        ("bigint", "numeric"),
        ("real", "double precision"),
        ("numeric(10, 2)", "numeric(12, 2)"),
        ("varchar(20)", "text"),
        ("varchar(20)", "varchar(40)"),
        ("text", "text"),
        ("date", "timestamptz"),
        ("size", "text"),
        ("jsonb", "text"),
        ("json", "jsonb"),
        ("uuid", "text"),
        ("boolean", "text"),
        ("point", "text"),
    ],
)
def test_what_keeps_every_value(shadow: Shadow, was: str, now: str) -> None:
    """A type that has room for all of the old one is no question."""
    assert _tried(shadow, was, now) == []
