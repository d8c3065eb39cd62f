"""The stage of the fuzzing: a server on a database of its own, two organizations full of things, and who asks."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields

from tests.fixtures.processes import Process, Processes
from tests.fixtures.sessions import sign_in
from tests.tenancy.world import Target, make_target

from fairlead.db.connect import DatabaseOptions
from fairlead.db.session import Database
from fairlead.domain.ids import new_id
from fairlead.domain.permissions import KEY_SCOPES, SYSTEM_ROLES
from fairlead.services.api_keys import create_api_key
from fairlead.services.users import create_user

PEPPER = b"a secret for tests, at least this long"  # as tests/fixtures/processes.py sets it
_CALM = {"FAIRLEAD_LOG_FORMAT": "json"}


@dataclass(frozen=True)
class Asker:
    """Somebody who asks: nobody, a member by a session, or a program by a key."""

    name: str
    token: str

    @property
    def addresses(self) -> str:
        """Which addresses they ask at, as a pattern."""
        if self.name == "key":
            return r"^/api/(?!organizations|auth)"
        return r"^/" if self.name == "nobody" else r"^/api/(organizations|auth)"


@dataclass(frozen=True)
class Stage:
    """Where it is played."""

    process: Process
    address: str
    own: Target
    victim: Target
    askers: Sequence[Asker]

    def known(self) -> Mapping[str, list[str]]:
        """Return for each kind of id some that exist: of one's own, and one of somebody else's."""
        found: dict[str, list[str]] = {}
        for field in fields(Target):
            if field.name.endswith("_id"):
                kind = _KINDS.get(field.name, field.name.removesuffix("_id"))
                found.setdefault(kind, []).append(getattr(self.own, field.name))
        strange = [self.victim.queue_id, "k3f9x2m7q1w8e5r4t6y0u2i9"]
        return {kind: ids * 4 + strange for kind, ids in found.items()}

    def complaints(self) -> list[str]:
        """Return what the server logged of requests that failed."""
        lines = (line for line in self.process.said().splitlines() if "request_failed" in line or "Traceback" in line)
        return list(lines)


_KINDS = {
    "owner_id": "user", "member_id": "user", "deleted_user_id": "user", "free_role_id": "role",
    "invited_role_id": "role", "rotated_key_id": "apiKey", "api_key_id": "apiKey", "deleted_queue_id": "queue",
    "waiting_id": "item", "held_id": "item", "completed_id": "item", "cancelled_id": "item", "stopping_id": "item",
}  # fmt: skip


@asynccontextmanager
async def staged(processes: Processes, url: str) -> AsyncIterator[Stage]:
    """Set the stage on a migrated database, and start the server."""
    database = Database(DatabaseOptions(url=url, application_name="fuzz", pool_size=2))
    try:
        own, victim = await make_target(database, mark="mine"), await make_target(database, mark="theirs")
        askers = [Asker("nobody", ""), *[await _member(database, own, role) for role in SYSTEM_ROLES]]
        askers.append(await _key(database, own))
        process = processes.start("serve", "--port", "0", url=url, environment=_CALM)
        await process.until_said("Serving on", seconds=60)
        found = re.search(r"http://[\d.:]+", process.said())
        assert found
        yield Stage(process, found[0], own, victim, askers)
    finally:
        await database.close()


async def _member(database: Database, own: Target, role: str) -> Asker:
    async with database.unit_of_work(own.scope) as session:
        made = await create_user(session, own.scope, email=f"{new_id()}@example.org", name=role, role=role)
    return Asker(role, await sign_in(database, made.id))


async def _key(database: Database, own: Target) -> Asker:
    async with database.unit_of_work(own.scope) as session:
        _, raw = await create_api_key(
            session, own.scope, name="fuzz", user_id=own.owner_id, scopes=KEY_SCOPES, pepper=PEPPER
        )
    return Asker("key", raw)
