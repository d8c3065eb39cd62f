from __future__ import annotations

import csv
import io
import re

import orjson
import pytest
from tests.fixtures.studios import Guest

from fairlead.studio.export import _harmless

pytestmark = pytest.mark.anyio


async def test_csv(shopper: Guest) -> None:
    """A file has every row of the list in its order, no formula that a spreadsheet would run, and no secret."""
    answer = await shopper.client.get("/t/customers/export.csv", params={"sort": "name", "dir": "desc"})
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert answer.headers["content-disposition"] == 'attachment; filename="customers.csv"'
    assert [row["name"] for row in rows] == ["Bob", "Ada"]
    assert (rows[1]["note"], rows[1]["balance"], rows[0]["note"]) == ("'=1+1", "12345678901234567890.0123456789", "")
    assert rows[1].keys().isdisjoint({"passwordHash", "api_token", "recovery_code"})


async def test_json(shopper: Guest) -> None:
    """In JSON values keep their types and every digit."""
    answer = await shopper.client.get("/t/customers/export.json")
    rows = orjson.loads(answer.text)
    assert rows[0]["settings"] == {"dark": True}
    assert rows[0]["tags"] == ["a", "b c"]
    assert rows[1]["note"] is None
    assert "12345678901234567890.0123456789" in answer.text


async def test_a_table_of_any_name(shopper: Guest) -> None:
    """What is in a table's name, a slash or a per cent sign, is none of its address; columns are called anything."""
    (address,) = set(re.findall(r'href="(/t/half[^"?/]*)"', (await shopper.client.get("/")).text))
    assert (await shopper.client.get(address)).status_code == 200
    assert (await shopper.client.get(f"{address}/structure")).status_code == 200
    assert (await shopper.client.get(f"{address}/export.json")).json() == [{"id": 1, "r": "left"}, {"id": 2, "r": None}]


async def test_a_list_of_many(shopper: Guest) -> None:
    """Filters and search hold for the file, whatever its length; an empty one is a file too."""
    answer = await shopper.client.get("/t/visits/export.csv", params={"f": "n:le:101"})
    assert len(answer.text.splitlines()) == 102
    assert (await shopper.client.get("/t/visits/export.json", params={"q": "nobody"})).json() == []
    assert (await shopper.client.get("/t/visits/export.xlsx")).status_code == 404
    assert (await shopper.client.get("/t/visits/export.csv", params={"sort": "none"})).status_code == 400


@pytest.mark.parametrize("value", ["=1", "+cmd", "-x", "@sum", "\tx", "\rx"])
def test_formulas(value: str) -> None:
    """What a spreadsheet would take for a formula begins with an apostrophe; a number stays one."""
    assert _harmless(value) == f"'{value}"
    assert [_harmless(number) for number in ("-1", "+2.5", "-1e9")] == ["-1", "+2.5", "-1e9"]
