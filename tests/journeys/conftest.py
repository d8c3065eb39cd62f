"""Organizations with short leases, and what was written by the handlers of other processes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.fixtures.organizations import Tenant, make_tenant
from tests.fixtures.processes import processes
from tests.fixtures.waiting import until

__all__ = ["processes"]

from fairlead.db.session import Database

LEASE_SECONDS = 1


@dataclass(frozen=True)
class Journal:
    """The file in which handlers say that they begin, and the one that gated handlers wait for."""

    journal: Path
    gate: Path

    @property
    def payload(self) -> dict[str, Any]:
        """What an item carries."""
        return {"journal": str(self.journal), "gate": str(self.gate)}

    def begun(self) -> list[tuple[str, int, int]]:
        """Return who began: item, process, attempt."""
        if not self.journal.exists():
            return []
        lines = [line.split() for line in self.journal.read_text().splitlines()]
        return [(line[0], int(line[1]), int(line[2])) for line in lines]

    async def until_begun(self, count: int, *, seconds: float = 15) -> None:
        """Return when so many handlers have begun."""

        async def begun() -> bool:
            return len(self.begun()) >= count

        await until(begun, what=f"{count} handlers begin", seconds=seconds)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    """A journal that is empty and a gate that is closed."""
    return Journal(tmp_path / "journal", tmp_path / "gate")


@pytest.fixture
async def brief(database: Database) -> Tenant:
    """An organization whose leases are as short as can be, and whose retries come at once."""
    return await make_tenant(database, lease_seconds=LEASE_SECONDS, backoff_base_seconds=0.01)
