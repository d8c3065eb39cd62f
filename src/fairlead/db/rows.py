"""Rows of plain nouns: written, read, changed and deleted inside a scope, as the frozen dataclasses of `rows/`.

Every function takes the scope and keeps to it by itself (`tenancy.within`), so that no caller can forget. A `key` says
which row, column by column. A row whose `deleted_at` is set is not there unless `deleted` asks for it. What is written
and what comes back are one statement. Items are not plain: their statements are the engine's.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias, TypeVar

from sqlalchemy import ARRAY, ColumnElement, Select, any_, delete, func, insert, literal, null, select, update
from sqlalchemy.orm import InstrumentedAttribute

from fairlead.db.session import Session
from fairlead.db.tenancy import Scope, TenantScope, within
from fairlead.domain import json_values
from fairlead.errors import NotFound
from fairlead.schema.base import Base

Model = TypeVar("Model")
Key: TypeAlias = Mapping[str, Any]

NOW: Final = func.statement_timestamp()  # as a value to write: the database's clock, never the process's


def in_time(time: timedelta) -> Any:
    """Return the instant so far from now, by the database's clock, as a value to write."""
    return NOW + time


def columns(table: type[Base], model: Any) -> list[InstrumentedAttribute[Any]]:
    """Return the columns of `table` that the fields of the dataclass `model` name, in their order."""
    return [getattr(table, field.name) for field in fields(model)]


def one_of(column: Any, keys: Collection[str]) -> ColumnElement[bool]:
    """Return the condition that a text column is one of `keys`: one parameter, however many there are."""
    among: ColumnElement[bool] = column == any_(literal(sorted(set(keys)), ARRAY(column.type)))
    return among


def visible(scope: Scope, table: type[Base], *, deleted: bool = False) -> list[ColumnElement[bool]]:
    """Return the conditions under which a row of `table` may be read in `scope`."""
    return [within(scope, table, shared=True), *_alive(table, deleted)]


def owned(scope: Scope, table: type[Base], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a new row; a tenant's row is its organization's, whatever `values` say.

    Raises TypeError where the scope is of the wrong kind: a row of a system table, an organization, or a row that
    would be everybody's.
    """
    column, given = table.row_security.column, dict(values)
    if isinstance(scope, TenantScope):
        if column in {None, "id"}:
            raise TypeError(f"{table.__tablename__} is written in a SystemScope only")
        return {**given, column: scope.organization_id}
    if table.row_security.shared is not None and table.row_security.shared not in given:
        raise TypeError(f"a row of {table.__tablename__} is made in the TenantScope of its organization")
    return given


async def read_clock(session: Session) -> datetime:
    """Return the time by the database's clock: what the `expires_at` of a row is compared with."""
    time: datetime = (await session.execute(select(NOW))).scalar_one()
    return time


async def insert_row(
    session: Session, scope: Scope, table: type[Base], *, values: Mapping[str, Any], model: Callable[..., Model]
) -> Model:
    """Insert one row, a tenant's always into its own organization; return it with what the database filled in."""
    statement = insert(table).values(**owned(scope, table, values)).returning(*columns(table, model))
    return model(*(await session.execute(statement)).one())


async def add_row(session: Session, scope: Scope, table: type[Base], *, values: Mapping[str, Any]) -> None:
    """Insert one row that nobody needs to see again."""
    await add_rows(session, scope, table, rows=[values])


async def add_rows(session: Session, scope: Scope, table: type[Base], *, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows that nobody needs to see again, in one statement; what one of them does not give is null."""
    if not rows:
        return
    new = [owned(scope, table, row) for row in rows]
    names = dict.fromkeys(name for row in new for name in row)
    given = [{name: null() if row.get(name) is None else row[name] for name in names} for row in new]
    await session.execute(insert(table).values(given).inline())


async def read_rows(session: Session, statement: Select[Any], *, model: Callable[..., Model]) -> list[Model]:
    """Run a select of `columns(…, model)` and return its rows as `model`."""
    return [model(*row) for row in (await session.execute(statement)).all()]


async def find_row(
    session: Session,
    scope: Scope,
    table: type[Base],
    *,
    key: Key,
    model: Callable[..., Model],
    deleted: bool = False,
) -> Model | None:
    """Return the one row that `key` names, or None."""
    if not _storable(key):
        return None
    statement = select(*columns(table, model)).where(*visible(scope, table, deleted=deleted), *_equal(table, key))
    row = (await session.execute(statement)).one_or_none()
    return None if row is None else model(*row)


async def get_row(
    session: Session,
    scope: Scope,
    table: type[Base],
    *,
    key: Key,
    model: Callable[..., Model],
    deleted: bool = False,
) -> Model:
    """Return the one row that `key` names; raises NotFound when it is not there."""
    found = await find_row(session, scope, table, key=key, model=model, deleted=deleted)
    if found is None:
        raise NotFound
    return found


async def lock_row(
    session: Session,
    scope: Scope,
    table: type[Base],
    *,
    key: Key,
    model: Callable[..., Model],
    deleted: bool = False,
    alone: bool = False,
) -> Model:
    """Return a row of one's own as it is, and keep it so until the transaction ends; raises NotFound.

    `alone` also keeps others from writing rows that refer to it.
    """
    statement = select(*columns(table, model)).where(*_own(scope, table, key, deleted=deleted))
    row = (await session.execute(statement.with_for_update(key_share=not alone))).one_or_none()
    if row is None:
        raise NotFound
    return model(*row)


async def update_row(
    session: Session,
    scope: Scope,
    table: type[Base],
    *,
    key: Key,
    values: Mapping[str, Any],
    model: Callable[..., Model],
    deleted: bool = False,
) -> tuple[Model, Model]:
    """Change the fields given and `updated_at`; return the row before and after. Raises NotFound."""
    before = await lock_row(session, scope, table, key=key, model=model, deleted=deleted)
    if not values:
        return before, before
    statement = update(table).where(*_own(scope, table, key, deleted=True)).values(**values)
    row = (await session.execute(statement.returning(*columns(table, model)))).one()
    return before, model(*row)


async def update_rows(
    session: Session, scope: Scope, table: type[Base], *, key: Key, values: Mapping[str, Any], but: str | None = None
) -> int:
    """Change the fields given in every row that `key` names, but the one with an id; return how many there were."""
    if not _storable(key):
        return 0
    source: Any = table
    others = [] if but is None else [source.id != but]
    where = [within(scope, table), *_alive(table, deleted=False), *_equal(table, key), *others]
    statement = update(table).where(*where).values(**values).returning(source.id)
    return len((await session.execute(statement)).all())


async def delete_rows(session: Session, scope: Scope, table: type[Base], *, key: Key) -> None:
    """Delete every row that `key` names, soft-deleted or not, and what hangs on them."""
    if _storable(key):
        await session.execute(delete(table).where(within(scope, table), *_equal(table, key)))


async def touch_rows(session: Session, scope: Scope, table: type[Base], *, ids: Collection[str], column: str) -> None:
    """Set a time of one's own rows to now, in one statement; it never moves back, and an id without a row is nothing.

    The rows are locked in the order of their ids, so that two calls at once wait for each other and never deadlock.
    """
    source: Any = table
    named = select(source.id).where(within(scope, table), one_of(source.id, ids))
    held = named.order_by(source.id).with_for_update(key_share=True).cte("held")
    latest = func.greatest(getattr(table, column), NOW)
    await session.execute(update(table).where(source.id == held.c.id).values({column: latest}))


async def delete_row(
    session: Session,
    scope: Scope,
    table: type[Base],
    *,
    key: Key,
    model: Callable[..., Model],
    deleted: bool = False,
) -> Model:
    """Delete a row of one's own and what hangs on it; return it as it was. Raises NotFound."""
    statement = delete(table).where(*_own(scope, table, key, deleted=deleted)).returning(*columns(table, model))
    row = (await session.execute(statement)).one_or_none()
    if row is None:
        raise NotFound
    return model(*row)


async def soft_delete_row(
    session: Session, scope: Scope, table: type[Base], *, key: Key, model: Callable[..., Model]
) -> tuple[Model, Model]:
    """Let a row be as good as gone until it is restored; return it before and after. Raises NotFound."""
    return await update_row(session, scope, table, key=key, values={"deleted_at": NOW}, model=model)


async def restore_row(
    session: Session, scope: Scope, table: type[Base], *, key: Key, model: Callable[..., Model]
) -> tuple[Model, Model]:
    """Bring a soft-deleted row back; return it before and after, the same when it was there all the time.

    Raises NotFound, and Conflict when something of the same name has taken its place.
    """
    before: Any = await lock_row(session, scope, table, key=key, model=model, deleted=True)
    if before.deleted_at is None:
        return before, before
    return await update_row(session, scope, table, key=key, values={"deleted_at": None}, model=model, deleted=True)


def _own(scope: Scope, table: type[Base], key: Key, *, deleted: bool) -> Sequence[ColumnElement[bool]]:
    """Return the conditions for a row that may be changed: the shared ones are for reading."""
    if not _storable(key):
        raise NotFound
    return [within(scope, table), *_alive(table, deleted), *_equal(table, key)]


def _alive(table: type[Base], deleted: bool) -> list[ColumnElement[bool]]:
    deleted_at = getattr(table, "deleted_at", None)
    return [] if deleted or deleted_at is None else [deleted_at.is_(None)]


def _equal(table: type[Base], key: Key) -> list[ColumnElement[bool]]:
    return [getattr(table, name) == value for name, value in key.items()]


def _storable(key: Key) -> bool:
    """Tell whether such a row could be there at all: keys are text or null, without a NUL or half a surrogate pair."""
    return all(isinstance(value, str | None) and json_values.problem(value) is None for value in key.values())
