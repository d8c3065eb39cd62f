"""Rows that are made where they are missing and changed where they are there, inside one scope.

The rows that conflict with nothing are inserted, the others are locked in the order of their key and changed: two
statements more than `on conflict do update`, which under row-level security would betray another organization's row by
failing differently, and would not say what a row was before. Concurrent calls for the same keys wait for each other,
always in the same order, and end in one row a key. Where some of the rows are deleted at the same moment that order
breaks, and a call may end in TransactionConflict.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, NamedTuple, TypeVar

from sqlalchemy import ColumnElement, Executable, column, null, select, update, values
from sqlalchemy.dialects.postgresql import insert

from fairlead.db.rows import columns, one_of, owned
from fairlead.db.session import Session
from fairlead.db.tenancy import Scope, within
from fairlead.domain.ids import new_id
from fairlead.schema.base import Base

Model = TypeVar("Model")
_ROUNDS: Final = 3  # a row may be deleted between the two statements; then it is missing after all


class Upserted(NamedTuple, Generic[Model]):
    """One row; `before` is None when it was made now."""

    before: Model | None
    after: Model


async def upsert_rows(
    session: Session,
    scope: Scope,
    table: type[Base],
    *,
    rows: Sequence[Mapping[str, Any]],
    by: str,
    model: Callable[..., Model],
) -> dict[str, Upserted[Model]]:
    """Make or change `rows`, told apart by the column `by`, unique among rows that are not deleted.

    Returns them by that column. A key is missing from the answer when its row is out of the scope's reach.
    No key may be given twice. A column that a row does not give stays as it is, and is null in a new one.
    """
    target = _Target(session, scope, table, by, model)
    pending = {row[by]: row for row in sorted(rows, key=lambda row: row[by])}
    done: dict[str, Upserted[Model]] = {}
    for _ in range(_ROUNDS):
        if not pending:
            break
        made = await _insert_missing(target, list(pending.values()))
        done |= {key: Upserted(None, row) for key, row in made.items()}
        done |= await _change(target, [row for key, row in pending.items() if key not in made])
        pending = {key: row for key, row in pending.items() if key not in done}
    return done


@dataclass(frozen=True, slots=True)
class _Target(Generic[Model]):
    """Where rows go, by which column they are told apart, and as what they come back."""

    session: Session
    scope: Scope
    table: type[Base]
    by: str
    model: Callable[..., Model]

    @property
    def key(self) -> Any:
        return getattr(self.table, self.by)

    @property
    def alive(self) -> ColumnElement[bool]:
        return self.table.__table__.c.deleted_at.is_(None)

    @property
    def shown(self) -> list[Any]:
        return [self.key, *columns(self.table, self.model)]

    @property
    def reach(self) -> list[ColumnElement[bool]]:
        return [within(self.scope, self.table), self.alive]

    async def rows(self, statement: Executable) -> dict[str, Model]:
        """Run a statement that gives `shown` and return the rows by key."""
        return {row[0]: self.model(*row[1:]) for row in await self.session.execute(statement)}


async def _insert_missing(target: _Target[Model], rows: Sequence[Mapping[str, Any]]) -> dict[str, Model]:
    names = dict.fromkeys(name for row in rows for name in row)
    full = [{"id": new_id(), **{name: row.get(name, null()) for name in names}} for row in rows]
    new = [owned(target.scope, target.table, row) for row in full]
    statement = insert(target.table).values(new)
    statement = statement.on_conflict_do_nothing(index_elements=[target.by], index_where=target.alive)
    return await target.rows(statement.returning(*target.shown))


async def _change(target: _Target[Model], rows: Sequence[Mapping[str, Any]]) -> dict[str, Upserted[Model]]:
    if not rows:
        return {}
    there = [*target.reach, one_of(target.key, [row[target.by] for row in rows])]
    locked = select(*target.shown).where(*there).order_by(target.key).with_for_update(key_share=True)
    before = await target.rows(locked)
    after = await _update(target, [row for row in rows if row[target.by] in before])
    return {key: Upserted(before[key], row) for key, row in after.items()}


async def _update(target: _Target[Model], rows: Sequence[Mapping[str, Any]]) -> dict[str, Model]:
    """Change rows that are locked, one statement for all that give the same columns."""
    changed: dict[str, Model] = {}
    for names in sorted({tuple(sorted(row)) for row in rows}):
        changed |= await _update_alike(target, names, [row for row in rows if tuple(sorted(row)) == names])
    return changed


async def _update_alike(
    target: _Target[Model], names: Sequence[str], rows: Sequence[Mapping[str, Any]]
) -> dict[str, Model]:
    types = target.table.__table__.c
    given = values(*(column(name, types[name].type) for name in names), name="given")
    given = given.data([tuple(row[name] for name in names) for row in rows])
    changes = {name: given.c[name] for name in names if name != target.by}
    statement = update(target.table).where(*target.reach, target.key == given.c[target.by]).values(**changes)
    return await target.rows(statement.returning(*target.shown))
