from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Column, Connection, Integer, MetaData, Table
from tests.fixtures.walks import walk

from fairlead.toolkit.one_transaction import one_transaction
from fairlead.toolkit.shadow import scratch

pytestmark = pytest.mark.usefixtures("workbench")


@pytest.fixture
def lines(workshop_url: str) -> Iterator[Connection]:
    """An empty database, on whose connection everything is one transaction."""
    with scratch(workshop_url) as url, one_transaction(url) as (connection, _):
        yield connection


def _lines(*key: str, further: str = "") -> MetaData:
    metadata = MetaData()
    columns = [Column(name, Integer, primary_key=True, autoincrement=False) for name in key]
    Table("lines", metadata, *columns, *([Column(further, Integer, server_default="7")] if further else []))
    return metadata


@pytest.mark.parametrize(
    ("was", "now"),
    [
        (_lines("invoice", "number"), _lines("number")),
        (_lines("number"), _lines("number", further="page")),
    ],
)
def test_a_primary_key_of_other_columns(lines: Connection, was: MetaData, now: MetaData) -> None:
    """A column of the key may go from the table and come back."""
    walk(lines, was, now)
