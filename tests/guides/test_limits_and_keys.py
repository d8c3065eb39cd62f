from __future__ import annotations

from pathlib import Path

import pytest
from tools.guide import Block, blocks, run

PAGE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "limits-and-keys.md"

pytestmark = pytest.mark.anyio


async def test_every_block_runs_as_it_stands(fresh_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The guide is one program: each block runs after the one before it, and what it asserts holds."""
    monkeypatch.setenv("FAIRLEAD_DATABASE_URL", fresh_url)
    monkeypatch.setenv("FAIRLEAD_SECRET", "a secret for tests, at least this long")
    ran: list[Block] = []
    await run(PAGE, on_block=ran.append)

    assert ran == list(blocks(PAGE))
    assert len(ran) == 8
