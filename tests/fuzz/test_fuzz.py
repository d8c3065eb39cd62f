"""A glance of what `make fuzz` does for long."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.fixtures.processes import Processes, processes
from tests.fuzz.play import play
from tests.fuzz.stage import staged

__all__ = ["processes"]
pytestmark = pytest.mark.anyio


async def test_nothing_that_is_sent_breaks_the_server(processes: Processes, fresh_url: str, tmp_path: Path) -> None:
    """Whatever Schemathesis makes of the document is answered as it says: no 5xx, nothing undeclared."""
    async with staged(processes, fresh_url) as stage:
        key = stage.askers[-1]
        played = await play(stage, key, tmp_path, seed=7, examples=1, seconds=13, phases=("fuzzing", "stateful"))

        assert played.code == 0, played.said
        assert played.cases > 40
        assert stage.complaints() == []
