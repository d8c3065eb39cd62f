from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import psycopg
import pytest
from tests.fixtures import warehouse
from tests.fixtures.studios import Guest, opened

from fairlead.studio.own import KEPT

pytestmark = pytest.mark.anyio


def _one(url: str, query: str, *parameters: str) -> Any:
    with psycopg.connect(url) as connection:
        connection.execute("set role fairlead_system")
        row = connection.execute(query.encode(), parameters).fetchone()
        return row[0] if row and len(row) == 1 else row


def _queue(url: str, organization: str) -> str:
    return str(_one(url, "select id from queues where organization_id = %s", organization))


def _change(key: str, **changed: Any) -> dict[str, Any]:
    return {"key": [key], "column": "name", "seen": "work", "value": "other", **changed}


async def test_read_only_changes_nothing(guest: Guest, database_url: str, two: tuple[str, str]) -> None:
    """Without --write every write is refused, also one forged past the page, which shows no way to it."""
    queue = _queue(database_url, two[0])
    for path, body in (
        ("change", _change(queue)),
        ("add", {"values": {"name": "x", "organization_id": two[0]}}),
        ("delete", {"key": [queue]}),
    ):
        told = await guest.told(f"/t/queues/{path}", body, status=403)
        assert "--write" in told["error"]
    assert (await guest.client.get("/t/queues/new")).status_code == 403
    page = await guest.page("/t/queues")
    assert "Add row" not in page
    assert "data-editable" not in page
    assert _one(database_url, "select name from queues where id = %s", queue) == "work"


async def test_the_database_refuses_too(guest: Guest, database_url: str, two: tuple[str, str]) -> None:
    """Were studio's own check gone, the transaction of a read-only studio could still not write."""
    changes, table = guest.studio.changes, guest.studio.shape.tables["queues"]
    assert not changes.access.writable
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        async with changes.access.changing() as connection:
            await connection.execute("delete from queues")
    with pytest.raises(psycopg.errors.ActiveSqlTransaction):
        async with changes.access.changing() as connection:
            await connection.execute("set transaction read write")
    assert table.key == ("id",)
    assert _queue(database_url, two[0])


async def test_a_value_is_changed_and_told(writer: Guest, database_url: str, two: tuple[str, str]) -> None:
    """A change is one value, with the columns that the model renews, and an entry in the audit trail of its owner."""
    queue = _queue(database_url, two[0])
    before = _one(database_url, "select updated_at from queues where id = %s", queue)
    assert await writer.told("/t/queues/change", _change(queue)) == {"value": "other"}
    assert _one(database_url, "select name from queues where id = %s", queue) == "other"
    assert _one(database_url, "select updated_at from queues where id = %s", queue) > before
    told = _one(
        database_url,
        "select organization_id, actor_kind, action, subject_kind, before, after from audit_events "
        "where subject_id = %s and starts_with(action, 'studio')",
        queue,
    )
    assert told == (two[0], "operator", "studio.changed", "queues", {"name": "work"}, {"name": "other"})


async def test_a_later_change_is_not_overwritten(writer: Guest, database_url: str, two: tuple[str, str]) -> None:
    """A value that is not the one that was seen stays; so does the trail."""
    queue = _queue(database_url, two[0])
    told = await writer.told("/t/queues/change", _change(queue, seen="another"), status=409)
    assert "meanwhile" in told["error"]
    assert _one(database_url, "select name from queues where id = %s", queue) == "work"
    assert _one(database_url, "select count(*) from audit_events where starts_with(action, 'studio')") == 0


async def test_what_does_not_fit(writer: Guest, database_url: str, two: tuple[str, str]) -> None:
    """The database's constraints and types are sentences; nothing is changed and nothing told."""
    queue = _queue(database_url, two[0])
    for changed, sentence in (
        ({"column": "max_attempts", "seen": "3", "value": "many"}, "Invalid input syntax"),
        ({"column": "max_attempts", "seen": "3", "value": "-1"}, "check constraint"),
        ({"column": "name", "value": None}, "not-null"),
        ({"column": "id", "seen": queue}, "key"),
        ({"column": "nothing"}, "no column"),
    ):
        told = await writer.told("/t/queues/change", _change(queue, **changed), status=400)
        assert sentence in told["error"]
    assert (await writer.client.post("/t/queues/change", json=_change("nobody"))).status_code == 404
    assert _one(database_url, "select count(*) from audit_events where starts_with(action, 'studio')") == 0


async def test_a_row_is_added_and_deleted(writer: Guest, database_url: str, two: tuple[str, str]) -> None:
    """A new row draws its key and takes the database's defaults; its end keeps what it was in the trail."""
    values = {"name": "new", "organization_id": two[0], "description": None}
    added = await writer.told("/t/queues/add", {"values": values}, status=201)
    key = added["address"].partition("k=")[2]
    assert "new" in await writer.page(added["address"])
    await writer.told("/t/queues/delete", {"key": [key]})
    assert _one(database_url, "select count(*) from queues where id = %s", key) == 0
    before = _one(
        database_url, "select before from audit_events where subject_id = %s and action = 'studio.deleted'", key
    )
    assert (before["name"], before["max_attempts"]) == ("new", "3")


async def test_what_the_engine_keeps(writer: Guest) -> None:
    """What statements keep beside the items, and the trail itself, is not changed by hand, also with --write."""
    for table, reason in KEPT.items():
        key = ["x"] * len(writer.studio.shape.tables[table].key)
        told = await writer.told(f"/t/{table}/delete", {"key": key}, status=403)
        assert told["error"] == reason
        assert reason.partition("'")[0] in await writer.page(f"/t/{table}")


async def test_a_secret_is_never_written(writer: Guest, two: tuple[str, str]) -> None:
    """A secret column cannot be given a value either: no column of that name is known."""
    told = await writer.told("/t/sessions/change", _change(two[0], column="token_hash"), status=400)
    assert "no column" in told["error"]
    await writer.told("/t/sessions/add", {"values": {"token_hash": "x"}}, status=400)


async def test_a_tenant_bounds_what_is_changed(database_url: str, two: tuple[str, str], tmp_path: Path) -> None:
    """Looking at one organization, another's rows are neither shown nor changed nor added to."""
    own, other = two
    async with opened(database_url, tmp_path, writable=True, slug=own) as guest:
        page = await guest.page("/t/queues")
        assert own in page
        assert other not in page
        assert "as row security shows them" in page
        foreign = _queue(database_url, other)
        assert (await guest.client.get("/t/queues/row", params={"k": foreign})).status_code == 404
        await guest.told("/t/queues/change", _change(foreign), status=404)
        await guest.told("/t/queues/delete", {"key": [foreign]}, status=404)
        refused = await guest.told("/t/queues/add", {"values": {"name": "x", "organization_id": other}}, status=403)
        assert "row-level security" in refused["error"]
        await guest.told("/t/queues/add", {"values": {"name": "mine"}}, status=201)
        assert await guest.sql("select distinct organization_id from queues") | {"seconds": 0} == {
            "columns": [{"name": "organization_id", "type": "text"}],
            "rows": [[own]],
            "cut": False,
            "seconds": 0,
            "notices": [],
            "error": "",
            "hint": "",
            "at": None,
        }
        await guest.told("/tenant", {"slug": ""})
        assert other in await guest.page("/t/queues")


async def test_another_application_is_told_in_a_file(shopper: Guest) -> None:
    """Changes of another application's rows are lines of a file that only the operator reads."""
    await shopper.told("/t/customers/change", {"key": ["1"], "column": "name", "seen": "Ada", "value": "Adah"})
    odd = {"key": ["1", "1"], "column": 'odd "name%s', "seen": "odd", "value": "100%"}
    assert await shopper.told("/t/orders/change", odd) == {"value": "100%"}
    added = await shopper.told("/t/orders/add", {"values": {"customer_id": "2", "number": "7"}}, status=201)
    assert added["address"] == "/t/orders/row?k=2&k=7"
    await shopper.told("/t/orders/delete", {"key": ["2", "7"]})
    entries = [orjson.loads(line) for line in shopper.trail.read_text().splitlines()]
    assert [(entry["action"], entry["table"], entry["key"]) for entry in entries] == [
        ("changed", "customers", ["1"]),
        ("changed", "orders", ["1", "1"]),
        ("added", "orders", ["2", "7"]),
        ("deleted", "orders", ["2", "7"]),
    ]
    assert entries[0]["before"] == {"name": "Ada"}
    assert shopper.trail.stat().st_mode & 0o777 == 0o600


async def test_anothers_row_security(shopper: Guest, shop_url: str, tmp_path: Path) -> None:
    """The setting that another application's policies compare with is chosen, and bounds what is seen and changed."""
    assert shopper.studio.access.setting == "warehouse.author"
    assert "compares with warehouse.author" in await shopper.page("/t/notes")
    found = await shopper.client.get("/organizations", params={"q": "ada"})
    assert [each["slug"] for each in found.json()] == ["ada"]
    await shopper.told("/tenant", {"slug": "ada"})
    page = await shopper.page("/t/notes")
    assert ">ada</td>" in page
    assert ">bob</td>" not in page
    assert (await shopper.sql("select author from notes"))["rows"] == [["ada"]]
    await shopper.told("/t/notes/delete", {"key": ["2"]}, status=404)
    await shopper.told("/t/notes/add", {"values": {"id": "3", "author": "bob"}}, status=403)
    await shopper.told("/t/notes/add", {"values": {"id": "3", "author": "ada"}}, status=201)
    await shopper.told("/tenant", {"slug": "'; drop table notes; --"})
    assert "No rows" in await shopper.page("/t/notes")
    async with opened(shop_url, tmp_path, target=warehouse.target(), slug="bob") as other:
        assert ">bob</td>" in await other.page("/t/notes")


async def test_what_cannot_be_told_is_not_done(shopper: Guest, tmp_path: Path) -> None:
    """When the trail cannot be written, the change is rolled back."""
    broken = replace(shopper.studio.changes.trail, file=tmp_path / "trail.jsonl" / "below-a-file")
    (tmp_path / "trail.jsonl").write_text("")
    changes = replace(shopper.studio.changes, trail=broken)
    table = shopper.studio.shape.tables["customers"]
    column = table.column("name")
    assert column
    with pytest.raises(OSError, match=r"Not a directory|File exists"):
        await changes.change_cell(table, ["1"], column=column, seen="Ada", value="Eve", organization=None)
    assert "Ada" in await shopper.page("/t/customers")
