from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.fixtures import warehouse
from tests.fixtures.studios import Guest, opened
from tests.fixtures.waiting import until

from fairlead.studio.app import create_studio
from fairlead.studio.lists import PAGE, Wanted, order_of, page_statement
from fairlead.studio.shape import Table

pytestmark = pytest.mark.anyio

MANY = 20_000


def _explained(url: str, table: Table, wanted: Wanted, *, position: list[str | None] | None = None) -> str:
    statement, values = page_statement(table, wanted, order_of(table, wanted), position=position, organization=None)
    with psycopg.connect(url) as connection:
        text = statement.as_string(connection)
        rows = connection.execute(f"explain {text}".encode(), values).fetchall()
    return "\n".join(row[0] for row in rows)


@pytest.fixture
def large_url(shop_url: str) -> str:
    """The other application's database with many orders."""
    with psycopg.connect(shop_url, autocommit=True) as connection:
        connection.execute(b"insert into orders select 2, i, 'paid', null from generate_series(10, 10 + %s) i", [MANY])
        connection.execute("analyze")
    return shop_url


async def test_a_page_walks_the_key(large_url: str, tmp_path: Path) -> None:
    """The first page, and one far down, read the key's index in its order and stop; nothing is sorted or skipped."""
    async with opened(large_url, tmp_path, target=warehouse.target()) as guest:
        table = guest.studio.shape.tables["orders"]
        deep: list[str | None] = ["2", str(MANY - 10)]
        for wanted, position in ((Wanted(), None), (Wanted(after="x"), deep), (Wanted(down=True), None)):
            plan = _explained(large_url, table, wanted, position=position)
            assert re.search(r"Index Scan (Backward )?using orders_pkey", plan), plan
            assert "Sort" not in plan
            assert "offset" not in plan.lower()
        page = await guest.page("/t/orders")
        assert f"about {MANY + 4:,} rows" in page or re.search(r"about 20,0\d\d rows", page)


async def _sent(guest: Guest, monkeypatch: pytest.MonkeyPatch, path: str) -> list[str]:
    sent: list[str] = []
    execute = psycopg.AsyncConnection.execute

    async def told(self: Any, query: Any, *arguments: Any, **options: Any) -> Any:
        text = query if isinstance(query, bytes | str) else query.as_string(self)
        sent.append(text.decode() if isinstance(text, bytes) else text)
        return await execute(self, query, *arguments, **options)

    monkeypatch.setattr(psycopg.AsyncConnection, "execute", told)
    await guest.page(path)
    monkeypatch.undo()
    return [text for text in sent if " from " in text.lower()]


async def test_every_statement_of_a_list_is_bounded(shopper: Guest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the list: one statement with an order and a limit, and at most a count that stops at its bound."""
    for path in ("/t/customers", "/t/visits", "/t/visits?q=9", "/t/orders?f=state:eq:paid&sort=number&dir=desc"):
        statements = await _sent(shopper, monkeypatch, path)
        assert 1 <= len(statements) <= 2
        assert f"limit {PAGE + 1}" in statements[0]
        assert "order by" in statements[0]
        for text in statements:
            assert "limit" in text
            assert "offset" not in text


async def test_pages_follow_each_other(shopper: Guest) -> None:
    """Next and previous lead through a table without a key too, each row once, and back to the first page."""
    seen: list[str] = []
    page = await shopper.page("/t/visits?sort=n&dir=desc")
    while True:
        seen += re.findall(r">page (\d+)<", page)
        following = re.search(r'id="page-after" href="([^"]+)"', page)
        if following is None:
            break
        page = await shopper.page(following[1].replace("&amp;", "&"))
    assert seen == [str(number) for number in range(120, 0, -1)]
    back = re.search(r'id="page-before" href="([^"]+)"', page)
    assert back
    assert re.findall(r">page (\d+)<", await shopper.page(back[1].replace("&amp;", "&"))) == [
        str(number) for number in range(70, 20, -1)
    ]


async def test_references_lead_both_ways(shopper: Guest) -> None:
    """A cell leads to the row it refers to, also by several columns; a row to the lists of what refers to it."""
    page = (await shopper.page("/t/lines")).replace("&amp;", "&")
    assert 'href="/t/orders/row?k=1&k=2"' in page
    row = (await shopper.page("/t/orders/row?k=1&k=2")).replace("&amp;", "&")
    assert 'href="/t/customers/row?k=1"' in row
    assert 'href="/t/lines?f=customer_id%3Aeq%3A1&f=number%3Aeq%3A2"' in row
    counted = await shopper.client.get("/t/orders/referring", params={"k": ["1", "2"]})
    assert counted.json() == {"counts": ["1"]}
    assert "pencil" in await shopper.page("/t/lines?f=customer_id:eq:1&f=number:eq:2")


async def test_a_row_in_full(shopper: Guest) -> None:
    """A row's page has every digit and every kind of value, and the row as JSON in the table's order."""
    page = (await shopper.page("/t/customers/row?k=1")).replace("&#34;", '"')
    assert "12345678901234567890.0123456789" in page
    assert '"id": 1,\n  "name": "Ada",\n  "session_token"' in page
    assert "\\x00ff" in page


async def test_what_is_not_there(shopper: Guest) -> None:
    """A table or row that is not there is said so on a page."""
    for path in ("/t/none", "/t/customers/row?k=99", "/t/customers/row?k=1&k=2", "/t/customers/row"):
        answer = await shopper.client.get(path)
        assert answer.status_code == 404, path
        assert "Not found" in answer.text


async def test_every_table_of_fairlead(guest: Guest, two: tuple[str, str]) -> None:
    """Every table of the schema has its list, its structure and its rows' pages, each with every open column."""
    for table in guest.studio.shape.tables.values():
        page = await guest.page(f"/t/{table.address}")
        for column in table.columns:
            assert f'data-column="{column.name}"' in page
        assert two[0] in page or table.tenant_column is None
        assert "Indexes" in await guest.page(f"/t/{table.address}/structure")
        link = re.search(rf'href="(/t/{table.address}/row[^"]+)"', page)
        assert link
        await guest.page(link[1].replace("&amp;", "&"))
    overview = await guest.page("/")
    assert "PostgreSQL" in overview
    assert "20261126_reader" in await guest.page("/migrations")


async def test_what_the_database_lacks(shopper: Guest) -> None:
    """A table that only the models have is named on the overview, and has no page."""
    assert "later" in await shopper.page("/")
    assert (await shopper.client.get("/t/later")).status_code == 404


async def test_a_page_that_nobody_waits_for_any_more(shopper: Guest, shop_url: str) -> None:
    """When the browser has gone, what the database does for its page is cancelled at once."""
    left = asyncio.Event()

    async def receive() -> dict[str, Any]:
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(_message: Any) -> None:
        """Nobody is there."""

    async with await psycopg.AsyncConnection.connect(shop_url, autocommit=True) as other:

        async def waiting() -> bool:
            return await (await other.execute(_WAITING)).fetchone() == (1,)

        async with other.transaction():
            await other.execute("lock table orders in access exclusive mode")
            asking = asyncio.create_task(create_studio(shopper.studio)(_scope(shopper, "/t/orders"), receive, send))
            await until(waiting, what="the page waits for the table")
            left.set()
            await asyncio.wait_for(asking, timeout=2)  # its own patience for a lock is longer
            assert not await waiting()


_WAITING = """
select count(*) from pg_locks
where not granted and database = (select oid from pg_database where datname = current_database())
"""


def _scope(guest: Guest, path: str) -> dict[str, Any]:
    cookies = "; ".join(f"{name}={value}" for name, value in guest.client.cookies.items())
    headers = {"host": guest.client.base_url.netloc.decode(), "cookie": cookies}
    return {
        "type": "http",
        "method": "GET",
        "path": path,
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
