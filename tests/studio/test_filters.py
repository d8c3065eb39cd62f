from __future__ import annotations

from typing import Any

import pytest
from tests.fixtures.studios import Guest

from fairlead.errors import ValidationFailed
from fairlead.studio.filters import OPERATORS, Filter, condition, operators_of, parsed, searching
from fairlead.studio.keyset import to_cursor
from fairlead.studio.shape import Column, Table
from fairlead.studio.view import table_address

pytestmark = pytest.mark.anyio

TABLE = Table(
    "things",
    "public",
    (Column("id", "text", "text", nullable=False), Column("n", "integer", "number"), Column("data", "json", "json")),
    ("id",),
)


def test_an_address_becomes_filters() -> None:
    """A value may hold the separator; null needs none."""
    assert parsed(TABLE, ["id:eq:a:b", "n:null:"]) == [Filter("id", "eq", "a:b"), Filter("n", "null", "")]
    assert Filter("id", "eq", "a:b").text == "id:eq:a:b"


@pytest.mark.parametrize("wrong", ["", "id", "secret:eq:1", "id:like:1", "n:has:1", "id:null:", "data:within:{}"])
def test_what_is_no_filter(wrong: str) -> None:
    """An unknown column, an operator that the column does not have, and a null where none can be are refused."""
    with pytest.raises(ValidationFailed):
        parsed(TABLE, [wrong])


def test_values_are_parameters() -> None:
    """No value becomes SQL, and `%` and `_` mean themselves."""
    text, values = condition([Filter("id", "eq", "'; drop"), Filter("id", "has", "50%_\\")])
    assert "drop" not in text.as_string(None)
    assert values == ["'; drop", "%50\\%\\_\\\\%"]
    assert searching(TABLE, "50%")[1] == ["%50\\%%"]


async def test_each_operator_runs(shopper: Guest) -> None:
    """Every operator of every kind of column is SQL that the database takes."""
    samples = {"number": "1", "boolean": "true", "time": "2026-01-01", "json": "{}", "enum": "open"}
    for table in shopper.studio.shape.tables.values():
        for column in table.columns:
            for operator in operators_of(column):
                value = samples.get(column.kind, "018f3b3e-0000-7000-8000-000000000001")
                if column.kind == "array" and operator == "eq":
                    value = "{a}"
                text = Filter(column.name, operator, value if OPERATORS[operator].values else "").text
                await shopper.page(table_address(table), f=text)


async def test_filters_find(shopper: Guest) -> None:
    """A filter leaves the rows for which it holds."""
    for text, found, left in (
        ("name:eq:Ada", "Ada", "Bob"),
        ("name:ne:Ada", "Bob", "Ada"),
        ("note:null:", "Bob", "Ada"),
        ("tags:any:b c", "Ada", "Bob"),
        ('settings:within:{"dark": true}', "Ada", "Bob"),
        ("balance:gt:1", "Ada", "Bob"),
    ):
        page = await shopper.page("/t/customers", f=text)
        assert f">{found}</td>" in page, text
        assert f">{left}</td>" not in page, text


async def test_a_value_that_does_not_fit(shopper: Guest) -> None:
    """A value that is none of the column's type is a sentence, not a fault."""
    answer = await shopper.client.get("/t/orders", params={"f": "number:eq:many"})
    assert answer.status_code == 400
    assert "Invalid input syntax for type integer" in answer.text


NUL = "a\0b"
_GOT: tuple[tuple[str, dict[str, Any]], ...] = (
    ("/t/orders", {"q": NUL}),
    ("/t/customers", {"f": f"name:eq:{NUL}"}),
    ("/t/customers", {"f": f"name:has:{NUL}"}),
    ("/t/customers", {"f": f"na{NUL}:eq:1"}),
    ("/t/customers", {"sort": NUL}),
    ("/t/orders", {"after": to_cursor([NUL, "1"])}),
    ("/t/orders", {"before": to_cursor(["1", NUL])}),
    ("/t/orders/row", {"k": ["1", NUL]}),
    ("/t/orders/cell", {"k": ["1", NUL], "column": "state"}),
    ("/t/orders/cell", {"k": ["1", "1"], "column": NUL}),
    ("/t/orders/referring", {"k": ["1", NUL]}),
    ("/t/orders/export.csv", {"q": NUL}),
    ("/t/orders/export.json", {"f": "number:eq:many"}),
    ("/t/a%00b", {}),
    ("/t/orders/export.a%00b", {}),
    ("/static/a%00b", {}),
    ("/open", {"token": NUL}),
)
_SENT: tuple[tuple[str, dict[str, Any]], ...] = (
    ("/sql/run", {"sql": f"select 1 {NUL}", "mode": "run", "name": "x"}),
    ("/tenant", {"slug": NUL}),
    ("/t/customers/change", {"column": "note", "key": ["1"], "seen": "=1+1", "value": NUL}),
    ("/t/customers/change", {"column": "note", "key": [NUL], "seen": "=1+1", "value": "a"}),
    ("/t/customers/add", {"values": {"name": NUL}}),
    ("/t/customers/add", {"values": {NUL: "a"}}),
    ("/t/customers/delete", {"key": [NUL]}),
)


async def test_what_no_text_can_have(shopper: Guest) -> None:
    """A NUL character, wherever it comes in, is refused with a sentence; so is a file that the database refuses."""
    answers = {}
    for path, parameters in _GOT:
        answers[path, str(parameters)] = (await shopper.client.get(path, params=parameters)).status_code
    for path, body in _SENT:
        answers[path, str(body)] = (await shopper.client.post(path, json=body)).status_code
    open_again = ("/open", str({"token": NUL}))  # leads on, since the browser is in
    assert answers.pop(open_again) == 303
    assert {where: status for where, status in answers.items() if not 400 <= status < 500} == {}


async def test_search_is_literal(shopper: Guest) -> None:
    """A search finds its words anywhere in text, and a `%` only where one stands."""
    assert ">page 99</td>" in await shopper.page("/t/visits", q="PAGE 99")
    assert "No row has all of this" in await shopper.page("/t/visits", q="page%99")
    assert "No row has all of this" in await shopper.page("/t/visits", q="page _")
