"""A headless browser of the machine's, one for all tests here, and studio as somebody would start it.

Playwright's asynchronous half, since the other runs the whole process inside a loop of its own.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import orjson
import psycopg
import pytest
from playwright.async_api import Browser, Page, async_playwright
from tests.fixtures.every_table import fill_every_table
from tests.fixtures.processes import Processes, processes
from tests.fixtures.waiting import until

__all__ = ["processes"]

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_MISSING = "NO BROWSER: studio is not tested in one. Install it: apt-get install chromium"
SCREENSHOTS = Path(__file__).resolve().parents[2] / ".cache" / "screenshots"


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    """The browser; without one the tests are skipped, and on CI they fail."""
    found = os.environ.get("FAIRLEAD_TEST_CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(_MISSING)
    async with async_playwright() as playwright:
        options = ["--no-sandbox"] if os.getuid() == 0 else []
        launched = await playwright.chromium.launch(executable_path=found, args=options)
        yield launched
        await launched.close()


@dataclass
class Visitor:
    """A page of a studio that was opened with its address, and everything that it asked anybody for."""

    page: Page
    origin: str
    asked: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    async def go(self, path: str) -> None:
        """Go to a page of studio."""
        await self.page.goto(f"{self.origin}{path}")

    async def ready(self) -> None:
        """Return when the page's script listens."""
        await self.page.wait_for_selector("html[data-ready]", state="attached")

    async def press(self, *keys: str) -> None:
        """Press keys one after the other, once the page listens."""
        await self.ready()
        for key in keys:
            await self.page.keyboard.press(key)

    async def forge(self, path: str, body: dict[str, Any]) -> int:
        """Send a request as the page's own script would, past its buttons; return the status."""
        script = """async ([path, body]) => (await fetch(path, {method: "POST", body: JSON.stringify(body),
            headers: {"X-Fairlead-Studio": document.querySelector('meta[name="csrf"]').content}})).status"""
        return int(await self.page.evaluate(script, [path, body]))


Visit: TypeAlias = Callable[..., Awaitable[Visitor]]


@pytest.fixture
def organization(database_url: str) -> str:
    """An organization with something in every table, and another one."""
    with psycopg.connect(database_url) as connection:
        fill_every_table(connection)
        return fill_every_table(connection)


@pytest.fixture
async def visit(browser: Browser, processes: Processes, database_url: str, organization: str) -> AsyncIterator[Visit]:
    """Start studio with these options and open its address in a window of its own; nothing may be complained of."""
    del organization  # is there
    visitors: list[Visitor] = []

    async def visited(*options: str, **window: Any) -> Visitor:
        process = processes.start("db", "studio", "--json", "--port", "0", *options, url=database_url)

        async def answered() -> bool:
            return bool(process.output.read_bytes().strip()) or not process.is_running

        await until(answered, what="studio starts", seconds=60)
        address = orjson.loads(process.output.read_bytes())["address"]
        page = await (await browser.new_context(**window)).new_page()
        page.set_default_timeout(15_000)
        visitor = Visitor(page, address.partition("/open")[0])
        page.context.on("request", lambda request: visitor.asked.append(request.url))
        page.on("pageerror", lambda error: visitor.complaints.append(str(error)))
        page.on(
            "console",
            lambda message: visitor.complaints.append(message.text) if "Content Security" in message.text else None,
        )
        await page.goto(address)
        await page.wait_for_url(f"{visitor.origin}/")
        visitors.append(visitor)
        return visitor

    yield visited
    for visitor in visitors:
        assert visitor.complaints == []
        assert {
            url for url in visitor.asked if not url.startswith((f"{visitor.origin}/", f"blob:{visitor.origin}/"))
        } == set()
        await visitor.page.context.close()
