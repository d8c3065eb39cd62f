"""Writes: one value of one row, one new row, one row deleted; each in a transaction with its entry in the trail.

What is compared is what the person saw: a value that somebody else changed meanwhile is not overwritten. The database's
own constraints and row security decide; the application's rules are not asked, which is what a studio is for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from psycopg import sql
from sqlalchemy import MetaData
from sqlalchemy.dialects import postgresql
from sqlalchemy.sql import ClauseElement

from fairlead.domain.ids import new_id
from fairlead.errors import Conflict, Forbidden, NotFound, ValidationFailed
from fairlead.studio.access import Access, Connection, Organization
from fairlead.studio.lists import checked_key, key_condition
from fairlead.studio.naming import named, place
from fairlead.studio.shape import Column, Table
from fairlead.studio.trail import Change, Trail

_READ_ONLY: Final = "Studio was started read-only. Start it with --write to change rows."
_CHANGED: Final = "Somebody changed this value meanwhile. Look at it again before you change it."


@dataclass(frozen=True, slots=True)
class Changes:
    """What may be changed, and how it is told; a tenant that is looked at bounds what is written."""

    access: Access
    trail: Trail
    metadata: MetaData

    def may(self, table: Table) -> str:
        """Return why rows of a table may not be changed; "" when they may."""
        return _READ_ONLY if not self.access.writable else table.kept or ""

    async def change_cell(
        self,
        table: Table,
        key: Sequence[str],
        *,
        column: Column,
        seen: str | None,
        value: str | None,
        organization: Organization | None,
    ) -> None:
        """Put a value into a row whose present value is the one `seen`.

        Raises Forbidden, NotFound, and Conflict when it is another one by now.
        """
        self._insist(table)
        if column.made or column.name in table.key:
            raise ValidationFailed(f"{column.name} is made by the database, or the key by which the row is known.")
        parts = checked_key(table, key)
        async with self.access.changing(organization) as connection:
            present = await _locked(connection, table, parts, columns=[column.name, *self._owners(table)])
            if present[column.name] != seen:
                raise Conflict(_CHANGED)
            renewed = self._renewed(table, column)
            statement = sql.SQL("update {} set {} = {}{} where {}").format(
                place(table), named(column.name), sql.Placeholder(), renewed, key_condition(table)
            )
            await connection.execute(statement, [value, *parts])
            before, after = {column.name: seen}, {column.name: value}
            told = Change("changed", table, tuple(parts), before, after, self._owner(table, present))
            await self.trail.tell(connection, told)

    async def add_row(
        self, table: Table, values: Mapping[str, str | None], *, organization: Organization | None
    ) -> tuple[str, ...]:
        """Add a row with these values and return its key; what is not named is the database's default."""
        self._insist(table)
        given = dict(values)
        if wrong := [name for name in given if (column := table.column(name)) is None or column.made]:
            raise ValidationFailed(f"{table.address} takes no value for {', '.join(wrong)}.")
        if table.drawn_key:
            given.setdefault("id", new_id())
        if organization is not None and table.tenant_column not in {None, "id"}:
            given.setdefault(str(table.tenant_column), organization.id)
        names = sql.SQL(", ").join(map(named, given))
        marks = sql.SQL(", ").join([sql.Placeholder()] * len(given))
        filled = sql.SQL("({}) values ({})").format(names, marks) if given else sql.SQL("default values")
        statement = sql.SQL("insert into {} {} returning {}").format(
            place(table),
            filled,
            sql.SQL(", ").join(sql.SQL("{}::text").format(named(name)) for name in table.key),
        )
        async with self.access.changing(organization) as connection:
            row = await (await connection.execute(statement, list(given.values()))).fetchone()
            key = tuple(map(str, row or ()))
            owner = self._owner(table, {**given, **dict(zip(table.key, key, strict=True))})
            await self.trail.tell(connection, Change("added", table, key, None, given, owner))
        return key

    async def delete_row(self, table: Table, key: Sequence[str], *, organization: Organization | None) -> None:
        """Delete a row, with whatever the database's foreign keys take along."""
        self._insist(table)
        parts = checked_key(table, key)
        async with self.access.changing(organization) as connection:
            before = await _locked(connection, table, parts, columns=[column.name for column in table.columns])
            statement = sql.SQL("delete from {} where {}").format(place(table), key_condition(table))
            await connection.execute(statement, parts)
            owner = self._owner(table, before)
            await self.trail.tell(connection, Change("deleted", table, tuple(parts), before, None, owner))

    def _insist(self, table: Table) -> None:
        if reason := self.may(table):
            raise Forbidden(reason)

    def _owners(self, table: Table) -> list[str]:
        """Return the column that says whose a row is, if there is one."""
        column = table.tenant_column or "organization_id"
        return [column] if self.access.tenants and table.column(column) else []

    def _owner(self, table: Table, row: Mapping[str, str | None]) -> str | None:
        return next((row.get(column) for column in self._owners(table)), None)

    def _renewed(self, table: Table, changed: Column) -> sql.Composable:
        """Return the further assignments of columns that the model renews with every change."""
        declared = self.metadata.tables.get(table.address)
        parts = []
        for column in declared.columns if declared is not None else ():
            argument = getattr(column.onupdate, "arg", None)
            if column.name != changed.name and isinstance(argument, ClauseElement) and table.column(column.name):
                text = str(argument.compile(dialect=postgresql.dialect()))  # type: ignore[no-untyped-call]  # SQLAlchemy's gap
                parts.append(sql.SQL(", {} = {}").format(named(column.name), sql.SQL(text)))
        return sql.SQL("").join(parts)


async def _locked(
    connection: Connection, table: Table, key: Sequence[str], *, columns: Sequence[str]
) -> dict[str, str | None]:
    """Lock a row and return these columns of it; raises NotFound."""
    shown = sql.SQL(", ").join(sql.SQL("{}::text").format(named(name)) for name in columns)
    statement = sql.SQL("select {} from {} where {} for update").format(shown, place(table), key_condition(table))
    row = await (await connection.execute(statement, list(key))).fetchone()
    if row is None:
        raise NotFound(f"{table.address} has no such row any more, or it is not the tenant's that is shown.")
    return dict(zip(columns, row, strict=True))
