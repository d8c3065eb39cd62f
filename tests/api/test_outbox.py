from __future__ import annotations

import httpx
import pytest
from tests.fixtures.items import FLEET

from fairlead.api.app import create_app
from fairlead.bootstrap import Resources
from fairlead.db.session import Database
from fairlead.domain.letters import Letter
from fairlead.services.delivery import keep

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("outbox", "address", "host", "status"),
    [
        (True, "127.0.0.1", "localhost:8000", 200),
        (True, "127.0.0.1", "127.0.0.1:8000", 200),
        (True, "127.0.0.1", "evil.test", 404),  # a name that a page of somebody else's has resolve to this machine
        (True, "192.0.2.1", "localhost:8000", 404),
        (False, "127.0.0.1", "localhost:8000", 404),
    ],
)
async def test_the_outbox_is_for_this_machine(
    database: Database, resources: Resources, *, outbox: bool, address: str, host: str, status: int
) -> None:
    """Kept mails are shown in development, to this machine under its own name, and to nobody else."""
    async with database.unit_of_work(FLEET) as session:
        await keep(session, FLEET, letter=Letter("ada@example.org", "Hello", "flv_token"))
    transport = httpx.ASGITransport(app=create_app(resources, outbox=outbox), client=(address, 50_000))
    async with httpx.AsyncClient(transport=transport, base_url=f"http://{host}") as client:
        answer = await client.get("/outbox")

    assert answer.status_code == status
    assert ("flv_token" in answer.text) == (status == 200)
