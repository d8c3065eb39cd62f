"""A column that begins, or ends, to be generated: what is in it stays wherever it can."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import DDL, BigInteger, Column, Computed, Connection, Integer, MetaData, Numeric, Table, event
from tests.fixtures.walks import walk

from fairlead.toolkit.one_transaction import one_transaction
from fairlead.toolkit.shadow import scratch

pytestmark = pytest.mark.usefixtures("workbench")
ROWS = "insert into boxes (id, height) values (1, 2), (2, 3)"
QUERY = "select id, area from boxes order by id"


@pytest.fixture(scope="module")
def boxes_url(workshop_url: str) -> Iterator[str]:
    """An empty database."""
    with scratch(workshop_url) as url:
        yield url


@pytest.fixture
def boxes(boxes_url: str) -> Iterator[Connection]:
    """A connection to it, on which everything is one transaction."""
    with one_transaction(boxes_url) as (connection, _):
        yield connection


def _boxes(*area: object, height: type[Integer] = Integer, built: tuple[str, ...] = (), **options: object) -> MetaData:
    """Return a table of boxes, with statements that run after it is made."""
    metadata = MetaData()
    column = Column("area", Numeric, *area, **options)  # type: ignore[arg-type]
    table = Table("boxes", metadata, Column("id", Integer, primary_key=True), Column("height", height), column)
    for statement in built:
        event.listen(table, "after_create", DDL(statement))  # type: ignore[no-untyped-call]  # SQLAlchemy's gap
    return metadata


_ON_IT = (
    "create index boxes_area on boxes (area)",
    "alter table boxes add constraint boxes_some check (area >= 0)",
    "comment on column boxes.area is 'of the floor'",
    "grant select (area) on boxes to public",
    "create view floors as select area from boxes",
)


@pytest.mark.parametrize("persisted", [True, False])
@pytest.mark.parametrize("nullable", [True, False])
def test_what_was_generated_stays(boxes: Connection, *, persisted: bool, nullable: bool) -> None:
    """It keeps its values, whatever is on it and whatever it is of, and may be generated again."""
    if not persisted and boxes.dialect.server_version_info < (18,):  # type: ignore[operator]
        pytest.skip("NOT RUN: PostgreSQL has virtual columns from 18 on")
    boxes.rollback()
    built = _ON_IT[0 if persisted else 1 :]
    was = _boxes(Computed("height * height", persisted=persisted), nullable=nullable, built=built)
    now = _boxes(nullable=nullable, built=built, height=BigInteger, server_default="7")
    walked = walk(boxes, was, now, rows=ROWS, query=QUERY)
    assert walked.there == walked.back == [(1, 4), (2, 9)]
    assert "generate column boxes.area no more, and keep the values that it has" in walked.said


@pytest.mark.parametrize("nullable", [True, False])
def test_what_is_generated_from_now_on(boxes: Connection, *, nullable: bool) -> None:
    """On the way back a column keeps what was generated, also where it is NOT NULL."""
    was = _boxes(nullable=nullable, built=_ON_IT)
    now = _boxes(Computed("height * height", persisted=True), nullable=nullable, built=_ON_IT)
    walked = walk(boxes, was, now, rows="insert into boxes (id, height, area) values (1, 2, 7)", query=QUERY)
    assert walked.there == walked.back == [(1, 4)]
    assert "generate column boxes.area from now on, and drop the values that it has" in walked.said
