"""Every route that changes something, asked with a browser's cookie from our own pages and from everywhere else.

A new route is tried without anybody having to think of it: they are read from the document.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from tests.fixtures.items import FLEET
from tests.fixtures.signing import QUICK, URL, Account, begin, coming_from, make_account
from tests.fixtures.worlds import world, world_url

from fairlead.api.app import create_app
from fairlead.api.cookies import COOKIE
from fairlead.api.openapi import document
from fairlead.bootstrap import Resources
from fairlead.db.notify import Notifier
from fairlead.db.session import Database
from fairlead.domain.ids import new_id
from fairlead.domain.tokens import SESSION_PREFIX, new_token
from fairlead.schema import metadata

__all__ = ["world", "world_url"]
pytestmark = pytest.mark.anyio
HOST: Final = URL.removeprefix("https://")
UNSAFE: Final = [
    (method.upper(), path)
    for path, operations in document()["paths"].items()
    for method in operations
    if path.startswith("/api/") and method not in {"get", "head", "options"}
]
OPEN: Final = {
    path
    for path, operations in document()["paths"].items()
    for made in operations.values()
    if made.get("security") == []
}
# What a browser says of where a request comes from, and whether that is us. Nothing at all is no browser of today.
HEADERS: Final[dict[str, tuple[dict[str, str], bool]]] = {
    "our own page": ({"sec-fetch-site": "same-origin"}, True),
    "typed in by a person": ({"sec-fetch-site": "none"}, True),
    "our own page, with its origin": ({"sec-fetch-site": "same-origin", "origin": URL}, True),
    "our own page, in an old browser": ({"origin": URL}, True),
    "a neighbour of our domain": ({"sec-fetch-site": "same-site"}, False),
    "another site": ({"sec-fetch-site": "cross-site"}, False),
    "another site that says it is us": ({"sec-fetch-site": "cross-site", "origin": URL}, False),
    "another site, in an old browser": ({"origin": "https://evil.test"}, False),
    "a name that begins as ours does": ({"origin": f"{URL}.evil.test"}, False),
    "our name on another port": ({"origin": f"{URL}:8443"}, False),
    "a sandboxed frame": ({"origin": "null"}, False),
    "no word": ({}, False),
}
NOBODYS: Final = new_token(SESSION_PREFIX)
REFUSED: Final = "This request did not come from a page of this server."


@pytest.fixture(scope="module")
async def app(world: Database) -> AsyncIterator[FastAPI]:
    """The application."""
    notifier = Notifier(world.options)
    made = create_app(Resources(world, notifier, world.options.url, b"a pepper for tests, at least this long"))
    made.state.passwords = QUICK
    yield made
    await notifier.close()


@pytest.fixture(scope="module")
async def account(world: Database) -> Account:
    """Somebody who owns an organization."""
    return await make_account(world)


@pytest.fixture(scope="module")
async def token(world: Database, account: Account) -> str:
    """Their session's token."""
    return (await begin(world, account.user.id)).token


_EVERYTHING: Final = text(
    " union all ".join(
        f"select '{name}', count(*), max(cast(cast(xmin as text) as bigint)) from {name}"  # noqa: S608 - names of our tables
        for name in sorted(metadata.tables.keys() - {"buckets"})  # where requests are counted, refused ones too
    )
)


async def _everything(world: Database) -> list[tuple[Any, ...]]:
    async with world.unit_of_work(FLEET) as session:
        return [tuple(row) for row in await session.execute(_EVERYTHING)]


def _address(path: str, account: Account) -> str:
    ids = {part[1:-1]: new_id() for part in path.split("/") if part.startswith("{")}
    own = {"organizationId": account.organization.id, "queueId": account.queue_id}
    return path.format(**{**ids, **own})


def _is_refused(answer: httpx.Response) -> bool:
    return answer.status_code == 403 and answer.json()["error"] == REFUSED


@pytest.mark.parametrize(("method", "path"), UNSAFE)
async def test_only_our_own_pages_change_anything(
    app: FastAPI, world: Database, account: Account, token: str, *, method: str, path: str
) -> None:
    """With a cookie, what does not come from our pages is refused before its body is read, and changes not a row."""
    before = await _everything(world)
    async with coming_from(app, cookies={COOKIE: token}) as browser:
        for name, (headers, own) in HEADERS.items():
            if not own and (headers or path not in OPEN):  # a program says nothing, and nobody's name is used there
                answer = await browser.request(method, _address(path, account), headers=headers, content=b"not JSON")
                assert _is_refused(answer), (name, answer.status_code, answer.text)
    assert await _everything(world) == before


@pytest.mark.parametrize(("method", "path"), UNSAFE)
async def test_our_own_pages_are_let_in(app: FastAPI, account: Account, *, method: str, path: str) -> None:
    """What comes from our pages gets as far as the question whose cookie it is, which here is nobody's."""
    async with coming_from(app, cookies={COOKIE: NOBODYS}) as browser:
        for name, (headers, own) in HEADERS.items():
            if own:
                answer = await browser.request(method, _address(path, account), headers=headers, content=b"not JSON")
                assert answer.status_code == (415 if path in OPEN else 401), (name, answer.text)


@pytest.mark.parametrize(("method", "path"), [way for way in UNSAFE if way[1] not in OPEN])
async def test_a_header_is_no_cookie(app: FastAPI, account: Account, token: str, *, method: str, path: str) -> None:
    """What a program sends in a header may come from anywhere; beside it the cookie is not looked at."""
    headers = {"authorization": f"Bearer {NOBODYS}", "sec-fetch-site": "cross-site", "origin": "https://evil.test"}
    async with coming_from(app, cookies={COOKIE: token}) as client:
        answer = await client.request(method, _address(path, account), headers=headers, content=b"not JSON")

    assert answer.status_code == 401
