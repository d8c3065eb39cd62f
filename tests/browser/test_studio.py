from __future__ import annotations

import json
import re
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from playwright.async_api import Page, expect
from tests.browser.conftest import SCREENSHOTS, Visit
from tests.fixtures.databases import database_of
from tests.fixtures.waiting import until

pytestmark = pytest.mark.anyio
expect.set_options(timeout=20_000)

_SLEEPING = "select count(*) from pg_stat_activity where wait_event = 'PgSleep' and datname = %s"


def _one(url: str, query: str, *parameters: str) -> Any:
    with psycopg.connect(url) as connection:
        connection.execute("set role fairlead_system")
        row = connection.execute(query.encode(), parameters).fetchone()
        return row[0] if row else None


async def test_somebody_looks_around(visit: Visit, organization: str) -> None:
    """Reading: from the overview to a table, filtered, sorted, along a reference and back, by mouse and by keyboard."""
    visitor = await visit()
    page = visitor.page
    await expect(page.locator(".mode")).to_have_text("Read-only")
    await page.click(".plainly >> text=users")
    await expect(page.locator("#grid tbody tr")).to_have_count(2)
    await visitor.press("f")
    await page.select_option("#filter-column", "organization_id")
    await page.fill("#filter-value", organization)
    await page.keyboard.press("Enter")
    await expect(page.locator(".chip")).to_contain_text(f"organization_id is {organization}")
    await expect(page.locator("#grid tbody tr")).to_have_count(1)
    await page.click("thead >> text=name")
    await expect(page.locator("th[aria-sort=ascending]")).to_contain_text("name")

    await page.click(f"a.ref >> text={organization}")
    await expect(page.locator("h1")).to_contain_text("organizations")
    referring = page.locator("#referring li", has_text="queues")
    await expect(referring.locator(".count")).to_have_text("1")
    await referring.locator("a").click()
    await expect(page.locator("h1")).to_have_text("queues")
    await expect(page.locator("#grid tbody tr")).to_have_count(1)

    await visitor.press("j", "Enter")
    await expect(page.locator(".views")).to_be_visible()
    await visitor.ready()
    await page.click("[data-view=json]")
    shown = json.loads(await page.locator("#json-text").inner_text())
    assert (shown["organization_id"], shown["name"]) == (organization, "work")
    await visitor.press("g", "t")
    await page.keyboard.type("api_k")
    await expect(page.locator("#palette-list li")).to_have_count(1)
    await page.keyboard.press("Enter")
    await expect(page.locator("h1")).to_have_text("api_keys")
    await expect(page.locator(".foot")).to_contain_text("not shown: key_hash")
    await visitor.press("/")
    await page.keyboard.type("nobody%")
    await page.keyboard.press("Enter")
    await expect(page.locator(".empty")).to_contain_text("No row has all of this")
    await visitor.press("?")
    await expect(page.locator("#keys")).to_be_visible()


async def test_read_only_is_not_a_hidden_button(visit: Visit, database_url: str) -> None:
    """In a read-only studio there is nothing to change with, and a request made by hand changes nothing either."""
    visitor = await visit()
    await visitor.go("/t/queues")
    assert await visitor.page.locator("text=Add row").count() == 0
    await visitor.press("j", "e")
    assert await visitor.page.locator(".editor-cell").count() == 0
    key = _one(database_url, "select id from queues limit 1")
    change = {"key": [key], "column": "name", "seen": "work", "value": "forged"}
    assert await visitor.forge("/t/queues/change", change) == 403
    assert await visitor.forge("/t/queues/delete", {"key": [key]}) == 403
    assert await visitor.forge("/t/queues/add", {"values": {}}) == 403
    assert _one(database_url, "select count(*) from queues where name = 'work'") == 2


async def test_somebody_changes_rows(visit: Visit, database_url: str, organization: str) -> None:
    """With --write a value is changed where it stands, a row added and deleted; a wrong value is said beside it."""
    visitor = await visit("--write")
    page = visitor.page
    await visitor.go(f"/t/queues?f=organization_id:eq:{organization}")
    await expect(page.locator(".mode")).to_have_text("Write")
    cell = page.locator("td[data-column=max_attempts]")
    await visitor.press("j")
    await cell.dblclick()
    await page.fill(".editor-cell input", "many")
    await page.keyboard.press("Enter")
    await expect(page.locator(".editor-cell .wrong")).to_contain_text("Invalid input syntax")
    await page.fill(".editor-cell input", "9")
    await page.keyboard.press("Enter")
    await expect(cell).to_have_text("9")
    assert _one(database_url, "select max_attempts from queues where organization_id = %s", organization) == 9

    await page.click("text=Add row")
    await page.fill("[name=organization_id]", organization)
    await page.fill("[name=name]", "made here")
    await visitor.ready()
    await page.click("button:has-text('Add row')")
    await expect(page.locator("dd[data-column=name]")).to_have_text("made here")
    await visitor.ready()
    await page.click("text=Delete row")
    await page.click("#delete-for-good")
    await page.wait_for_url(re.compile("/t/queues$"))
    assert _one(database_url, "select count(*) from queues where name = 'made here'") == 0
    assert _one(database_url, "select count(*) from audit_events where starts_with(action, 'studio.')") == 3


async def test_sql(visit: Visit, server_url: str, database_url: str) -> None:
    """A statement is run, explained, refused and cancelled in the page; its result is saved as a file."""
    visitor = await visit()
    page = visitor.page
    await visitor.press("g", "s")
    await page.fill("#sql", "select id, name from users order by id")
    await visitor.press("Control+Enter")
    await expect(page.locator("#sql-answer tbody tr")).to_have_count(2)
    async with page.expect_download() as download:
        await page.click("#sql-csv")
    assert (await (await download.value).path()).read_text().startswith("id,name\n")
    await page.click("#analyze")
    await expect(page.locator(".plan")).to_contain_text("actual time")
    await page.fill("#sql", "delete from users")
    await page.click("#run")
    await expect(page.locator("#sql-answer .wrong")).to_be_visible()
    await page.fill("#sql", "select pg_sleep(60)")
    for cancel in (partial(page.click, "#cancel"), partial(page.keyboard.press, "Escape")):
        await page.click("#run")
        await expect(page.locator("#sql-state")).to_have_text("Running…")
        with psycopg.connect(server_url, autocommit=True) as connection:
            while connection.execute(_SLEEPING, [database_of(database_url)]).fetchone() == (0,):
                await page.wait_for_timeout(20)
        await cancel()
        await expect(page.locator("#cancel")).to_be_hidden()
        await expect(page.locator("#sql-answer .wrong")).to_contain_text("was cancelled")


async def test_export(visit: Visit, tmp_path: Path) -> None:
    """A list is saved as a file from its menu."""
    visitor = await visit()
    await visitor.go("/t/users")
    await visitor.page.click("text=Export")
    async with visitor.page.expect_download() as download:
        await visitor.page.click(".drop >> text=CSV")
    saved = tmp_path / "users.csv"
    await (await download.value).save_as(saved)
    assert len(saved.read_text().splitlines()) == 3


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_screenshots(visit: Visit, organization: str, scheme: str) -> None:
    """In light and in dark, wide and narrow, no page is wider than its window; each is kept as a picture."""
    visitor = await visit("--tenant", organization, color_scheme=scheme, viewport={"width": 1360, "height": 850})
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    for size, width in (("wide", 1360), ("narrow", 420)):
        await visitor.page.set_viewport_size({"width": width, "height": 850})
        for name, path in (
            ("overview", "/"),
            ("rows", "/t/queue_items"),
            ("structure", "/t/queue_items/structure"),
            ("sql", "/sql"),
            ("migrations", "/migrations"),
            ("organization", f"/t/organizations/row?k={organization}"),
        ):
            await visitor.go(path)
            await until(partial(_fits, visitor.page, width), what=f"{name} is at most {width} pixels wide")
            await visitor.page.screenshot(path=SCREENSHOTS / f"{name}-{size}-{scheme}.png")
    await visitor.go("/t/users")
    dark = await visitor.page.evaluate("getComputedStyle(document.body).backgroundColor")
    await visitor.press("d")
    assert await visitor.page.evaluate("getComputedStyle(document.body).backgroundColor") != dark
    await expect(visitor.page.locator(".banner")).to_contain_text("as row security shows them")


async def _fits(page: Page, width: int) -> bool:
    """Look by oneself: `wait_for_function` looks when a frame is drawn, and a page that nobody sees may draw none."""
    return int(await page.evaluate("document.documentElement.scrollWidth")) <= width
