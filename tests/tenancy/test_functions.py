"""Another organization is out of reach of every service and query, by each of two walls alone.

`application` leaves only the functions' own checks (the transaction has the fleet's role, which sees everything), `row
security` leaves only the database's (the transaction is the attacker's, and the function is lied to about the scope),
`both` is how it runs. A SystemScope has nothing to check: there only row security can stand in the way.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, get_type_hints

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from tests.tenancy.case import Case
from tests.tenancy.cases import SYSTEM_CASES, TENANT_CASES, WITHOUT_CASE
from tests.tenancy.world import FLEET, MARK, Target, ghost_of

import fairlead.queries
import fairlead.services
from fairlead.db.session import Database, Session
from fairlead.db.tenancy import Scope, SystemScope, TenantScope, tenant
from fairlead.errors import FairleadError
from fairlead.queries.roles import has_owner
from fairlead.schema import metadata
from fairlead.services.organizations import create_organization

pytestmark = pytest.mark.anyio

PARTS = (fairlead.services, fairlead.queries)


class _UndoneError(Exception):
    """Ends a transaction whose changes nobody wants."""


@cache
def _functions() -> dict[str, Callable[..., Any]]:
    """Return every public function that is awaited or entered, by its name below the package."""
    modules = [
        importlib.import_module(found.name)
        for part in PARTS
        for found in pkgutil.walk_packages(part.__path__, f"{part.__name__}.")
    ]
    return {
        f"{module.__name__.removeprefix('fairlead.')}.{name}": function
        for module in modules
        for name, function in vars(module).items()
        if not name.startswith("_") and _is_ours(function, module.__name__)
    }


def _is_ours(function: Any, module: str) -> bool:
    inner = inspect.unwrap(function) if callable(function) else function
    asynchronous = inspect.iscoroutinefunction(inner) or inspect.isasyncgenfunction(inner)
    return asynchronous and getattr(function, "__module__", "") == module


def _function_of(case: str) -> str:
    return case.partition(" ")[0]


async def _others(session: Session, own: Target) -> list[tuple[Any, ...]]:
    """Return a fingerprint of every table's rows that are not one's own."""
    await session.execute(text("set local role fairlead_system"))
    return [tuple(row) for row in await session.execute(_FINGERPRINTS.bindparams(own=own.organization_id))]


def _fingerprint(table: str) -> str:
    columns = metadata.tables[table].c
    owner = "id" if table == "organizations" else "organization_id" if "organization_id" in columns else "null"
    return _FINGERPRINT.format(table=table, owner=owner)


# With the transaction that last wrote a row: writing it again as it was is a change, too.
_FINGERPRINT = """
select '{table}', count(*), md5(string_agg(cast(t as text) || t.xmin, '|' order by cast(t as text)))
from {table} t where cast({owner} as text) is distinct from :own
"""
_FINGERPRINTS = text(" union all ".join(map(_fingerprint, sorted(metadata.tables))))


@dataclass(frozen=True)
class _Attempt:
    """One call: in whose transaction, told which scope, aimed at whom."""

    entered: Scope
    given: Scope
    case: Case
    own: Target
    at: Target

    async def said(self, database: Database) -> str:
        """Make the call, undo it, and return what it said; fails when it changed anything that is not one's own."""
        answer: object = None
        with suppress(_UndoneError):
            async with database.unit_of_work(self.entered) as session:
                before = await _others(session, self.own)
                await session.execute(text(f"set local role {self.entered.role}"))
                try:
                    async with session.savepoint():
                        answer = await self.case.call(session, self.given, self.own, self.at)
                except Exception as error:  # noqa: BLE001 - whatever is said is compared
                    answer = error
                assert await _others(session, self.own) == before
                raise _UndoneError
        return f"{type(answer).__name__}: {_faceless(_told(answer), self.at)}"


def _told(answer: object) -> str:
    if isinstance(answer, DBAPIError):
        return str(answer.orig)
    if isinstance(answer, FairleadError):
        return f"{answer} {answer.details}"
    return repr(answer)


def _faceless(said: str, at: Target) -> str:
    """Return an answer without what differs from call to call: instants, places, ids and the caller's names."""
    for name in (at.slug, at.member_email, at.queue_name, at.schedule_name, at.raw_key, at.session_token):
        said = said.replace(name, "NAME")
    said = re.sub(r"\b[a-z][0-9a-z]{23}\b", "ID", said)
    said = re.sub(r"position=\d+", "PLACE", said)  # in the database's history: it moves with every transaction
    return re.sub(r"datetime\.datetime\([^)]*\)\)?|flk_\w+", "TIME", said)


def _scopes(mode: str, own: Target, at: Target) -> tuple[Scope, Scope]:
    """Return the scope that the transaction has and the scope that the function is given."""
    if mode == "application":
        return FLEET, own.scope
    return own.scope, own.scope if mode == "both" else at.scope


@pytest.mark.parametrize("name", TENANT_CASES)
@pytest.mark.parametrize("mode", ["application", "row security", "both"])
async def test_another_organization_is_out_of_reach(
    world: Database, own: Target, victim: Target, name: str, mode: str
) -> None:
    """Called from the wrong organization nothing is read, changed, counted or hinted at, whichever wall stands alone.

    Whoever aims at something of another organization is told what they are told of something that does not exist; and
    the application's checks alone leave out all that row security would.
    """
    case, ghost = TENANT_CASES[name], ghost_of(victim)
    said = await _Attempt(*_scopes(mode, own, victim), case, own, victim).said(world)
    assert MARK not in said
    if case.hint:
        assert said.startswith(("Conflict: ", "NotFound: ", "ProgrammingError: new row violates row-level security"))
    else:
        assert said == await _Attempt(*_scopes(mode, own, ghost), case, own, ghost).said(world)
    if mode == "application":
        assert said == await _Attempt(*_scopes("both", own, victim), case, own, victim).said(world)


@pytest.mark.parametrize("name", SYSTEM_CASES)
async def test_in_a_tenants_transaction_a_system_function_sees_nothing_of_others(
    world: Database, own: Target, victim: Target, name: str
) -> None:
    """Were a function of the system run in a tenant's transaction, row security would still hide everybody else."""
    case, ghost = SYSTEM_CASES[name], ghost_of(victim)
    said = await _Attempt(own.scope, FLEET, case, own, victim).said(world)
    assert MARK not in said
    assert said == await _Attempt(own.scope, FLEET, case, own, ghost).said(world)


@pytest.mark.parametrize("name", [name for name, case in (TENANT_CASES | SYSTEM_CASES).items() if case.own])
async def test_the_owner_is_let_in(world: Database, own: Target, name: str) -> None:
    """The same call works in one's own organization, so that its failure elsewhere means something."""
    scope: Scope = FLEET if name in SYSTEM_CASES else own.scope
    case = (TENANT_CASES | SYSTEM_CASES)[name]
    with suppress(_UndoneError):
        async with world.unit_of_work(scope) as session:
            await case.call(session, scope, own, own)
            raise _UndoneError


async def test_anothers_owner_is_not_ones_own(world: Database, victim: Target) -> None:
    """An organization without an owner has none, whoever owns others."""
    with suppress(_UndoneError):
        async with world.unit_of_work(FLEET) as session:
            made = await create_organization(session, FLEET, name="Nobody's", slug="nobodys")
            assert not await has_owner(session, tenant(made.id))
            assert await has_owner(session, victim.scope)
            raise _UndoneError


def test_every_function_has_a_case() -> None:
    """A service or query without a case is a hole nobody looked into: add it to the cases of this folder."""
    covered = {_function_of(name) for name in TENANT_CASES | SYSTEM_CASES}
    assert covered | set(WITHOUT_CASE) == set(_functions())
    assert not covered & set(WITHOUT_CASE)


@pytest.mark.parametrize("name", sorted(set(_functions()) - set(WITHOUT_CASE)))
def test_the_scope_says_who_may_call(name: str) -> None:
    """What any tenant may call takes a scope with an organization; what crosses organizations takes a SystemScope."""
    hints = get_type_hints(inspect.unwrap(_functions()[name]))
    kinds = [hint for hint in hints.values() if hint in (Scope, TenantScope, SystemScope)]
    named = {_function_of(case) for case in SYSTEM_CASES}
    assert kinds == [SystemScope] if name in named else kinds in ([Scope], [TenantScope])


async def test_a_ghost_shares_nothing_with_the_victim(victim: Target) -> None:
    """The comparison means something: a ghost has none of the victim's ids and names."""
    ghost = ghost_of(victim)
    same = [field.name for field in fields(Target) if getattr(ghost, field.name) == getattr(victim, field.name)]
    assert same == ["lease"]
