"""The reference page in a browser, which gets it and the document from this test and can ask nobody else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest
from playwright.async_api import Browser, Page, Route

from fairlead.api import openapi

pytestmark = pytest.mark.anyio
STATIC = Path(openapi.__file__).parent / "static"
ORIGIN = "http://fairlead.test"


@pytest.fixture
async def page(browser: Browser) -> AsyncIterator[Page]:
    """The page, shown whole; what its script complains about fails the test."""
    complaints: list[str] = []

    async def answer(route: Route) -> None:
        path = route.request.url.removeprefix(ORIGIN)
        if path == "/openapi.json":
            await route.fulfill(body=orjson.dumps(openapi.document()), content_type="application/json")
        elif path == "/docs":
            headers = {"Content-Security-Policy": "default-src 'self'"}
            await route.fulfill(path=STATIC / "docs.html", content_type="text/html", headers=headers)
        else:
            await route.fulfill(path=STATIC / path.removeprefix("/docs/"))

    context = await browser.new_context()
    shown = await context.new_page()
    shown.on("pageerror", lambda error: complaints.append(str(error)))
    shown.on("console", lambda message: complaints.append(message.text))
    await shown.route("**", answer)
    await shown.goto(f"{ORIGIN}/docs")
    await shown.wait_for_selector("nav")
    yield shown
    await context.close()
    assert complaints == []


async def test_every_operation_and_everything_it_can_answer_is_on_the_page(page: Page) -> None:
    """Whatever the document says of an operation is on the page: both names, parameters, fields, statuses, codes."""
    shared = openapi.document()["components"]["responses"]
    for path, methods in openapi.document()["paths"].items():
        for operation in methods.values():
            name = operation["operationId"].removesuffix("InOrganization")
            text = await page.locator(f"#{name}").text_content() or ""
            wanted = {path, operation["operationId"], *operation["responses"]}
            wanted |= {parameter["name"] for parameter in operation.get("parameters", []) if path.startswith("/api/q")}
            for answer in operation["responses"].values():
                described = shared.get(answer.get("$ref", "").rpartition("/")[2], answer)
                wanted |= set(described.get("content", {}).get("application/json", {}).get("examples", ()))
            assert not {part for part in wanted if part not in text}, name


async def test_an_address_opens_its_operation_and_the_box_finds_others(page: Page) -> None:
    """An address with an operation's name shows that one open; what is typed leaves the operations with those words."""
    await page.goto(f"{ORIGIN}/docs#claimItems")
    assert await page.locator("#claimItems").get_attribute("open") is not None
    await page.get_by_role("searchbox").fill("pause queue")
    assert await page.locator("section > details:visible").evaluate_all("all => all.map(one => one.id)") == [
        "pauseQueue"
    ]
    assert await page.locator("main h2:visible").all_text_contents() == ["queues"]
    await page.screenshot(path=Path(".cache/screenshots/docs.png"))
