"""Who asks: everybody who belongs to one organization, did belong to the other, or to none; and the application."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from fastapi import FastAPI
from sqlalchemy import text
from tests.fixtures.sessions import sign_in
from tests.tenancy.world import FLEET, PEPPER, Target

from fairlead.db.session import Database
from fairlead.domain.ids import new_id
from fairlead.domain.permissions import KEY_SCOPES, SYSTEM_ROLES, Permission
from fairlead.schema import metadata
from fairlead.services.api_keys import create_api_key, revoke_api_key
from fairlead.services.members import remove_member
from fairlead.services.users import create_user


@dataclass(frozen=True)
class Credential:
    """Something to show, and what it is good for in the attackers' organization."""

    name: str
    token: str
    permissions: frozenset[Permission]
    is_session: bool = False
    is_valid: bool = True

    @property
    def headers(self) -> dict[str, str]:
        """What a request carries."""
        return {"authorization": f"Bearer {self.token}"} if self.token else {}


@dataclass(frozen=True)
class Scene:
    """Everything that a cell of the matrix needs."""

    app: FastAPI
    database: Database
    own: Target
    victim: Target
    who: list[Credential]


async def everybody(database: Database, own: Target, victim: Target) -> list[Credential]:
    """Make one of each kind of somebody: nobody, each role, a key with each scope, and who was thrown out there."""
    made = [Credential("nobody", "", frozenset(), is_valid=False)]
    for role, permissions in SYSTEM_ROLES.items():
        token = await sign_in(database, await _member(database, own, role))
        made.append(Credential(role, token, permissions, is_session=True))
    owner_id = await _member(database, own, "owner")
    for scopes in (KEY_SCOPES, *({scope} for scope in sorted(KEY_SCOPES))):
        name = "a key with every scope" if scopes is KEY_SCOPES else f"a key for {min(scopes)}"
        made.append(Credential(name, await _key(database, own, owner_id, scopes), frozenset(scopes)))
    return [*made, *await _thrown_out(database, victim)]


async def _thrown_out(database: Database, victim: Target) -> list[Credential]:
    user_id = await _member(database, victim, "owner")
    token = await sign_in(database, user_id)
    raw = await _key(database, victim, user_id, KEY_SCOPES)
    async with database.unit_of_work(victim.scope) as session:
        find = text("select id from api_keys where user_id = :user").bindparams(user=user_id)
        [key_id] = (await session.execute(find)).scalars()
        await revoke_api_key(session, victim.scope, api_key_id=key_id)
        await remove_member(session, victim.scope, user_id=user_id)
    return [
        Credential("a removed member of theirs", token, frozenset(), is_session=True),
        Credential("a revoked key of theirs", raw, frozenset(), is_valid=False),
    ]


async def _member(database: Database, target: Target, role: str) -> str:
    async with database.unit_of_work(target.scope) as session:
        made = await create_user(session, target.scope, email=f"{new_id()}@example.org", name=role, role=role)
    return made.id


async def _key(database: Database, target: Target, user_id: str, scopes: AbstractSet[str]) -> str:
    async with database.unit_of_work(target.scope) as session:
        _, raw = await create_api_key(
            session, target.scope, name="matrix", user_id=user_id, scopes=scopes, pepper=PEPPER
        )
    return raw


async def everything_of(database: Database, target: Target) -> list[str]:
    """Return a fingerprint of every table's rows of one organization and of its users."""
    async with database.unit_of_work(FLEET) as session:
        found = await session.execute(text(_FINGERPRINTS).bindparams(id=target.organization_id))
        return [" ".join(map(str, row)) for row in found]


def _whose(table: str) -> str:
    columns = metadata.tables[table].c
    if table == "organizations":
        return "t.id = :id"
    if "organization_id" in columns:
        return "t.organization_id = :id"
    return "t.user_id in (select u.id from users u where u.organization_id = :id)"


# With the transaction that last wrote a row: writing it again as it was is a change, too.
_FINGERPRINTS = " union all ".join(
    f"select '{table}', count(*), md5(string_agg(cast(t as text) || t.xmin, '|' order by cast(t as text))) "  # noqa: S608 - our own tables' names
    f"from {table} t where {_whose(table)}"
    for table in sorted(metadata.tables)
    if {"organization_id", "user_id"} & set(metadata.tables[table].c.keys()) or table == "organizations"
)
