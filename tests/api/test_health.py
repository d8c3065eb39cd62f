from __future__ import annotations

import httpx
import pytest

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(("path", "status"), [("/live", "live"), ("/ready", "ready")])
async def test_health_needs_no_key(stranger: httpx.AsyncClient, *, path: str, status: str) -> None:
    """A process that lives and can work says so to anybody."""
    answer = await stranger.get(path)

    assert answer.status_code == 200
    assert answer.json() == {"data": {"status": status}}
