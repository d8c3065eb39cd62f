"""Whose rows are shown: one of Fairlead's tenants, or any value of the setting that another's policies compare with."""

from __future__ import annotations

from typing import Final

from psycopg import sql

from fairlead.errors import NotFound
from fairlead.studio.access import Access, Organization

_SHOWN: Final = 50


async def search_organizations(access: Access, typed: str) -> list[Organization]:
    """Return the first tenants, by slug, whose slug or name has what was typed."""
    if not access.tenants:
        return [Organization(typed, typed, access.setting)] if typed and access.setting else []
    statement = sql.SQL(
        "select id, slug, name from organizations where deleted_at is null "
        "and strpos(lower(slug || ' ' || name), lower(%s)) > 0 order by slug limit {}"
    ).format(sql.Literal(_SHOWN))
    async with access.looking() as connection:
        rows = await (await connection.execute(statement, [typed])).fetchall()
    return [Organization(*row) for row in rows]


async def find_organization(access: Access, slug: str) -> Organization:
    """Return the tenant with this slug; raises NotFound."""
    if not access.tenants:
        return Organization(slug, slug, access.setting)
    statement = "select id, slug, name from organizations where slug = %s and deleted_at is null"
    async with access.looking() as connection:
        row = await (await connection.execute(statement, [slug])).fetchone()
    if row is None:
        raise NotFound(f"There is no organization with the slug {slug!r}.")
    return Organization(*row)
