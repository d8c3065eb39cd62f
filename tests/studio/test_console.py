from __future__ import annotations

from typing import Any

import anyio
import psycopg
import pytest
from tests.fixtures.databases import database_of
from tests.fixtures.studios import Guest
from tests.fixtures.waiting import until

from fairlead.studio.console import ROWS

pytestmark = pytest.mark.anyio

_SLEEPING = "select count(*) from pg_stat_activity where wait_event = 'PgSleep' and datname = %s"


async def test_rows_and_types(guest: Guest) -> None:
    """A statement's columns, types and values come back, nulls as nulls."""
    answer = await guest.sql("select 1 as n, null as nothing, '50%' as text, array[1, 2] as list;")
    assert answer["rows"] == [["1", None, "50%", "{1,2}"]]
    assert [column["name"] for column in answer["columns"]] == ["n", "nothing", "text", "list"]
    assert (answer["cut"], answer["error"]) == (False, "")


async def test_no_more_than_so_many(guest: Guest) -> None:
    """Of endless rows the first thousand are taken, and the rest is never made."""
    answer = await guest.sql("select generate_series(1, 1000000000)")
    assert (len(answer["rows"]), answer["cut"]) == (ROWS, True)


async def test_explain(guest: Guest) -> None:
    """A statement is explained, or run and measured."""
    plan = await guest.sql("select * from users", "explain")
    assert plan["error"], "its hidden column cannot be read"
    plan = await guest.sql("select id from users", "explain")
    assert "Scan" in plan["rows"][0][0]
    measured = await guest.sql("select id from users", "analyze")
    assert "actual" in measured["rows"][0][0]


async def test_errors_say_where(guest: Guest) -> None:
    """An error has the database's sentence and its place in the text; several statements are refused by name."""
    answer = await guest.sql("select 1 +\nfrom users", "explain")
    assert "syntax error" in answer["error"]
    assert answer["at"] == 12
    assert "one statement at a time" in (await guest.sql("select 1; select 2"))["error"]
    assert "notice of it" in (await guest.sql("do $$ begin raise notice 'notice of it'; end $$"))["notices"]


async def test_cancel(guest: Guest, server_url: str, database_url: str) -> None:
    """A statement that runs is cancelled on the server, and said to be."""
    answers: list[dict[str, object]] = []

    async def run() -> None:
        body = {"sql": "select pg_sleep(60)", "mode": "run", "name": "long"}
        answers.append(await guest.told("/sql/run", body))

    def sleeping() -> bool:
        with psycopg.connect(server_url) as connection:
            row = connection.execute(_SLEEPING, [database_of(database_url)]).fetchone()
            return row != (0,)

    async def runs() -> bool:
        return guest.studio.console.is_running("long") and await anyio.to_thread.run_sync(sleeping)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run)
        await until(runs, what="the statement sleeps")
        assert await guest.told("/sql/cancel", {"name": "long"}) == {"cancelled": True}
    assert "was cancelled" in str(answers[0]["error"])
    assert await guest.told("/sql/cancel", {"name": "long"}) == {"cancelled": False}


async def test_what_is_no_statement(guest: Guest) -> None:
    """A request that is none is refused in a sentence."""
    bodies: list[Any] = [{"sql": "select 1", "mode": "x"}, {"sql": " ", "mode": "run"}, {"sql": 1, "mode": "run"}, []]
    for body in bodies:
        answer = await guest.client.post("/sql/run", json=body)
        assert answer.status_code == 400
        assert answer.json()["error"]
