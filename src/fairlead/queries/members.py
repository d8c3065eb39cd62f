"""Members: who has a role in an organization, and what those roles allow.

A member may be at home in another organization, where row security hides them from this one. Who the members are is
therefore asked in a SystemScope, and names its organization; which roles they have is asked in the organization's own
scope, so that somebody whom row security does not know as a member has none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select

from fairlead.db.rows import columns, one_of, visible
from fairlead.db.session import Session
from fairlead.db.statement import Statement
from fairlead.db.tenancy import Scope, SystemScope, within
from fairlead.domain.ids import is_id
from fairlead.errors import NotFound
from fairlead.queries.page import Page, Window
from fairlead.rows import Role
from fairlead.schema.roles import Role as RoleTable
from fairlead.schema.user_roles import UserRole as UserRoleTable

# Once a request of a person: primary keys all the way.
MEMBER: Final = Statement("""
select array_agg(distinct p.permission) filter (where p.permission is not null)
from user_roles m
join organizations o on o.id = m.organization_id and o.deleted_at is null
join users u on u.id = m.user_id and u.deleted_at is null
join roles r on r.owner_scope = m.role_scope and r.id = m.role_id
left join lateral unnest(r.permissions) as p (permission) on true
where m.organization_id = :organization_id and m.user_id = :user_id
group by m.user_id
""")

_FOUND: Final = """
with found as (
    select u.id, u.email, u.name, u.image, min(m.created_at) as since
    from user_roles m
    join users u on u.id = m.user_id and u.deleted_at is null
    where m.organization_id = :organization_id{which}
    group by u.id
)"""
_LIKE: Final = """
        and strpos(u.search_text, lower(cast(:search as text) collate "default") collate "C") > 0"""
_PAGE: Final = """
select c.total, f.*
from (select count(*) as total from found) c
left join lateral (
    select * from found order by since desc, id desc limit :limit offset :offset
) f on true
order by f.since desc, f.id desc
"""

MEMBERS: Final = Statement(_FOUND + _PAGE, which="")
MEMBERS_LIKE: Final = Statement(_FOUND + _PAGE, which=_LIKE)
ONE_MEMBER: Final = Statement(_FOUND + "\nselect * from found\n", which=" and m.user_id = :user_id")


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody with a role in an organization, wherever they are at home; `since` their oldest role was given."""

    id: str
    email: str
    name: str
    image: str | None
    since: datetime


async def find_permissions(
    session: Session, _scope: SystemScope, *, organization_id: str, user_id: str
) -> frozenset[str] | None:
    """Return what a member's roles allow in an organization, which may be nothing; None for who is no member.

    Nobody is a member of a deleted organization, and a deleted user of none.
    """
    if not (is_id(organization_id) and is_id(user_id)):
        return None
    rows = await session.run(MEMBER, {"organization_id": organization_id, "user_id": user_id})
    return frozenset(rows[0][0] or ()) if rows else None


async def get_member_page(
    session: Session, _scope: SystemScope, *, organization_id: str, window: Window, search: str = ""
) -> Page[Member]:
    """Return a page of an organization's members, the newest first; `search` is in the name or address, in any case."""
    bound: dict[str, Any] = {"organization_id": organization_id, "limit": window.limit, "offset": window.offset}
    if search:
        rows = await session.run(MEMBERS_LIKE, {**bound, "search": search})
    else:
        rows = await session.run(MEMBERS, bound)
    data = tuple(Member(*row[1:]) for row in rows if row[1] is not None)
    return Page(data, window.page, window.limit, rows[0][0])


async def get_member(session: Session, _scope: SystemScope, *, organization_id: str, user_id: str) -> Member:
    """Return one member of an organization; raises NotFound for who is none."""
    rows: Sequence[tuple[Any, ...]] = ()
    if is_id(user_id):
        rows = await session.run(ONE_MEMBER, {"organization_id": organization_id, "user_id": user_id})
    if not rows:
        raise NotFound
    return Member(*rows[0])


async def roles_by_member(session: Session, scope: Scope, *, user_ids: Collection[str]) -> Mapping[str, Sequence[Role]]:
    """Return the roles that each of these users has here; who has none is not in it."""
    held = (UserRoleTable.role_scope == RoleTable.owner_scope) & (UserRoleTable.role_id == RoleTable.id)
    where = [within(scope, UserRoleTable), *visible(scope, RoleTable), one_of(UserRoleTable.user_id, user_ids)]
    statement = select(UserRoleTable.user_id, *columns(RoleTable, Role)).join(RoleTable, held).where(*where)
    found: dict[str, list[Role]] = defaultdict(list)
    rows: Any = await session.execute(statement.order_by(RoleTable.created_at, RoleTable.id))
    for row in rows:
        found[row[0]].append(Role(*row[1:]))
    return dict(found)
