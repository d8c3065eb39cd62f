from __future__ import annotations

import ipaddress
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import httpx
import pytest
from tests.api.conftest import Key, make_key
from tests.fixtures.organizations import Tenant

from fairlead.api.app import create_app
from fairlead.bootstrap import Resources
from fairlead.db.session import Database
from fairlead.domain.rate_limits import RateLimits

pytestmark = pytest.mark.anyio
NOBODY = {"Authorization": "Bearer nobody"}
FREE = {"per_key": 0, "per_organization": 0, "per_address": 0}


@asynccontextmanager
async def knocking(
    resources: Resources, *, host: str = "192.0.2.7", proxies: str = "", **limits: int
) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client at `host` of an application with these limits."""
    trusted = (ipaddress.ip_network(proxies),) if proxies else ()
    given = replace(resources, rate_limits=RateLimits(**FREE | limits), trusted_proxies=trusted)
    transport = httpx.ASGITransport(app=create_app(given), client=(host, 5000))
    async with httpx.AsyncClient(transport=transport, base_url="http://fairlead.test") as client:
        yield client


async def test_every_answer_says_where_the_caller_stands(resources: Resources, key: Key) -> None:
    """Of all limits the one with the least left is told, with refusals, too."""
    async with knocking(resources, per_key=100, per_organization=1000, per_address=50) as client:
        answers = [await client.get("/api/queues", headers=headers) for headers in (key.headers, NOBODY)]

    told = [[answer.headers[f"RateLimit-{name}"] for name in ("Limit", "Remaining", "Reset")] for answer in answers]
    assert told == [["50", "49", "2"], ["50", "48", "3"]]
    assert [answer.status_code for answer in answers] == [200, 401]


async def test_the_least_left_is_told_whatever_the_limits_are(resources: Resources, key: Key) -> None:
    """So many requests as are said to be left are let in, though another limit is nearer to its end in proportion."""
    async with knocking(resources, per_key=60, per_organization=200) as client:
        answer = await client.get("/api/queues", headers=key.headers)

    assert (answer.headers["RateLimit-Limit"], answer.headers["RateLimit-Remaining"]) == ("60", "59")


async def test_at_and_over_the_limit_of_a_key(resources: Resources, database: Database, ours: Tenant) -> None:
    """The last request that the limit allows is served, the next refused, saying when another one makes sense."""
    first, second = await make_key(database, ours), await make_key(database, ours)
    async with knocking(resources, per_key=3) as client:
        answers = [await client.get("/api/queues", headers=first.headers) for _ in range(4)]
        other = await client.get("/api/queues", headers=second.headers)

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    refused = answers[-1]
    assert refused.json()["code"] == "RATE_LIMITED"
    assert 15 <= int(refused.headers["Retry-After"]) <= 20
    assert refused.headers["RateLimit-Remaining"] == "0"
    assert other.status_code == 200


async def test_at_and_over_the_limit_of_an_organization(
    resources: Resources, database: Database, ours: Tenant, theirs: Tenant
) -> None:
    """Its keys share the limit of an organization; another organization's does not care."""
    mine, also, foreign = [await make_key(database, tenant) for tenant in (ours, ours, theirs)]
    async with knocking(resources, per_organization=2) as client:
        codes = [
            (await client.get("/api/queues", headers=who.headers)).status_code for who in (mine, also, mine, foreign)
        ]

    assert codes == [200, 200, 429, 200]


async def test_at_and_over_the_limit_of_an_address(resources: Resources, key: Key) -> None:
    """Whoever has no credential is counted, too, and refused before a credential is looked at or a body is read."""
    async with knocking(resources, per_address=2) as client:
        codes = [(await client.get("/api/queues", headers=headers)).status_code for headers in (NOBODY, {}, NOBODY)]
        sent = await client.post("/api/queues", headers=key.headers, content=b"{")

    assert codes == [401, 401, 429]
    assert sent.status_code == 429


async def test_the_limits_hold_across_processes(resources: Resources, key: Key) -> None:
    """What one process let in another one counts."""
    async with knocking(resources, per_key=3) as first, knocking(resources, per_key=3) as second:
        codes = [
            (await client.get("/api/queues", headers=key.headers)).status_code
            for client in (first, second, first, second, first)
        ]

    assert codes == [200, 200, 200, 429, 429]


@pytest.mark.parametrize(
    ("proxies", "codes"), [("", [401, 429, 429]), ("192.0.2.0/24", [401, 401, 429]), ("10.0.0.0/8", [401, 429, 429])]
)
async def test_only_a_trusted_proxy_says_who_asks(resources: Resources, proxies: str, codes: list[int]) -> None:
    """X-Forwarded-For of anybody else is no way around the limit of an address."""
    async with knocking(resources, proxies=proxies, per_address=1) as client:
        asked = [
            await client.get("/api/queues", headers=NOBODY | {"X-Forwarded-For": text})
            for text in ("198.51.100.1", "198.51.100.2", "203.0.113.5, 198.51.100.1")
        ]

    assert [answer.status_code for answer in asked] == codes


async def test_without_limits_nothing_is_told(resources: Resources, key: Key) -> None:
    """Where no limit is set the headers are not there."""
    async with knocking(resources) as client:
        answer = await client.get("/api/queues", headers=key.headers)

    assert not [name for name in answer.headers if name.startswith("ratelimit")]


async def test_health_is_asked_as_often_as_anybody_likes(resources: Resources) -> None:
    """A load balancer's questions are not counted."""
    async with knocking(resources, per_address=1) as client:
        assert [(await client.get("/live")).status_code for _ in range(3)] == [200] * 3
