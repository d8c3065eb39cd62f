"""Relations read together with rows: what can be asked for, how it is read, and what comes back.

A read costs one statement, and one more for each relation asked for, however many rows there are. A relation to one
row is looked up by key, each key once; a relation to many is a lateral join, so that its limit and its order hold for
each parent by itself. Both follow the relations of `schema/` and keep to the scope in every table they touch, the one
between two others included. A row that is soft-deleted, or out of the scope's reach, is not related to anything.

Surprise: under `read committed` each of the statements has a snapshot of its own; where they have to agree, open the
unit of work as `repeatable read`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Generic, Literal, Self, TypeAlias, TypeVar, get_args, overload

from sqlalchemy import ColumnElement, FromClause, exists, select, true

from fairlead.db.rows import columns, one_of, read_rows, visible
from fairlead.db.session import Session
from fairlead.db.tenancy import Scope, within
from fairlead.domain import json_values
from fairlead.domain.limits import BATCH_ITEMS, PAGE_ITEMS
from fairlead.errors import NotFound, ValidationFailed
from fairlead.schema.base import Base

T = TypeVar("T")
WithT = TypeVar("WithT", bound="With")
Order: TypeAlias = Literal["newest", "oldest"]


class NotIncluded(RuntimeError):
    """A relation was used that the read was not asked for: a mistake of the program, never of its user."""


@dataclass(frozen=True, slots=True)
class One:
    """Asks for the row a relation leads to; `deleted` for a soft-deleted one, too. `True` asks the same as `One()`."""

    deleted: bool = False


@dataclass(frozen=True, slots=True)
class Many:
    """Asks for up to `limit` of the rows a relation leads to, in that order, for each parent; `deleted` as in `One`.

    `True` asks for as many as there can be at once. Raises ValidationFailed naming what is wrong.
    """

    limit: int = PAGE_ITEMS
    order: Order = "newest"
    deleted: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot be read."""
        wrong = {}
        if not 1 <= self.limit <= PAGE_ITEMS:
            wrong["limit"] = f"must be between 1 and {PAGE_ITEMS}"
        if self.order not in get_args(Order):
            wrong["order"] = f"must be one of {', '.join(get_args(Order))}"
        if wrong:
            raise ValidationFailed(details=wrong)


@dataclass(frozen=True, slots=True)
class With:
    """A row with what was read along its relations; using one that was not asked for raises NotIncluded."""

    related: Mapping[str, Any]


class _Relation(Generic[T]):
    """One relation of a `With`: along which declared one it is read, and as what."""

    everything: Any  # what `True` asks for

    def __init__(
        self,
        declared: Any,
        *,
        model: Callable[..., T],
        shown: Sequence[Any] | None = None,
        where: Callable[[Any], Iterable[ColumnElement[bool]]] = lambda _asked: (),
    ) -> None:
        self._declared, self._model, self._where = declared, model, where
        self._shown = shown
        self._name = ""

    def __set_name__(self, _owner: type, name: str) -> None:
        self._name = name

    def _of(self, parent: With) -> Any:
        if self._name not in parent.related:
            raise NotIncluded(f"'{self._name}' was not asked for; name it in the `include` of the read.")
        return parent.related[self._name]

    def _columns(self) -> Sequence[Any]:
        return self._shown or columns(self._declared.property.mapper.class_, self._model)

    def _allowed(self, scope: Scope, asked: One | Many) -> list[ColumnElement[bool]]:
        table = self._declared.property.mapper.class_
        return [*visible(scope, table, deleted=asked.deleted), *self._where(asked)]


class ToOne(_Relation[T]):
    """A relation to one row; None where there is none, or none that may be seen."""

    everything = One()

    @overload
    def __get__(self, parent: None, owner: type) -> Self: ...
    @overload
    def __get__(self, parent: With, owner: type) -> T | None: ...
    def __get__(self, parent: With | None, owner: type) -> Any:
        return self if parent is None else self._of(parent)

    async def read(self, session: Session, scope: Scope, *, parents: Sequence[Any], asked: One) -> dict[str, T | None]:
        """Return by the parent's id what it leads to."""
        [(local, remote)] = self._declared.property.local_remote_pairs
        keys = {key for parent in parents if (key := getattr(parent, local.key)) is not None}
        if not keys:
            return dict.fromkeys((parent.id for parent in parents), None)
        statement = select(*self._columns()).where(*self._allowed(scope, asked), one_of(remote, keys))
        found = {getattr(row, remote.key): row for row in await read_rows(session, statement, model=self._model)}
        return {parent.id: found.get(getattr(parent, local.key)) for parent in parents}


class ToMany(_Relation[T]):
    """A relation to many rows, each of them with `created_at` and `id`, which make their order."""

    everything = Many()

    @overload
    def __get__(self, parent: None, owner: type) -> Self: ...
    @overload
    def __get__(self, parent: With, owner: type) -> tuple[T, ...]: ...
    def __get__(self, parent: With | None, owner: type) -> Any:
        return self if parent is None else self._of(parent)

    async def read(
        self, session: Session, scope: Scope, *, parents: Sequence[Any], asked: Many
    ) -> dict[str, tuple[T, ...]]:
        """Return by the parent's id what it leads to."""
        source = self._declared.property.parent.local_table
        related = self._of_each(source, scope, asked)
        statement = select(source.c.id, *related.c).select_from(source.join(related, true()))
        statement = statement.where(one_of(source.c.id, [parent.id for parent in parents]))
        found: dict[str, list[T]] = defaultdict(list)
        in_order = statement.order_by(*_ordered(related.c, asked.order))  # a join keeps no order that it was given
        for row in await session.execute(in_order):
            found[row[0]].append(self._model(*row[1:]))
        return {parent.id: tuple(found[parent.id]) for parent in parents}

    def _of_each(self, source: Any, scope: Scope, asked: Many) -> FromClause:
        declared = self._declared.property
        table, between, along = declared.mapper.class_, declared.secondary, declared.primaryjoin
        if between is not None:  # a condition and not a join: who is related twice is there once
            links = [along, declared.secondaryjoin, within(scope, _model_of(between))]
            along = exists().where(*links).correlate_except(between)
        statement = select(*self._columns()).where(along, *self._allowed(scope, asked)).correlate(source)
        return statement.order_by(*_ordered(table, asked.order)).limit(asked.limit).lateral("related")


@dataclass(frozen=True)
class Noun(Generic[WithT]):
    """Rows that can be read with relations: their table, as what one is read, and what it comes back in."""

    table: Any
    model: Callable[..., Any]
    made: Callable[[Mapping[str, Any], Any], WithT]

    def wanted(self, include: Any) -> Iterator[tuple[str, Any, Any]]:
        """Yield the name, the relation and the way it was asked for of each that `include` asks for."""
        for field in fields(include):
            if asked := getattr(include, field.name):
                relation = getattr(self.made, field.name)
                yield field.name, relation, relation.everything if asked is True else asked


async def read_one_with(
    session: Session, scope: Scope, *, noun: Noun[WithT], row_id: str, include: Any, deleted: bool
) -> WithT:
    """Return a row with the relations that `include` asks for; raises NotFound."""
    found = await read_with(session, scope, noun=noun, ids=[row_id], include=include, deleted=deleted)
    if not found:
        raise NotFound
    return found[0]


async def read_with(
    session: Session, scope: Scope, *, noun: Noun[WithT], ids: Collection[str], include: Any, deleted: bool
) -> list[WithT]:
    """Return those of up to 1,000 rows that are there, each once and in the order of `ids`, with their relations.

    Raises ValidationFailed for more.
    """
    if len(ids) > BATCH_ITEMS:
        raise ValidationFailed(details={"ids": f"must be at most {BATCH_ITEMS:,}"})
    parents = await _parents(session, scope, noun, ids, deleted=deleted)
    if not parents:
        return []
    related = {
        name: await relation.read(session, scope, parents=parents, asked=asked)
        for name, relation, asked in noun.wanted(include)
    }
    return [noun.made({name: found[parent.id] for name, found in related.items()}, parent) for parent in parents]


async def _parents(
    session: Session, scope: Scope, noun: Noun[Any], ids: Collection[str], *, deleted: bool
) -> list[Any]:
    possible = [one for one in dict.fromkeys(ids) if json_values.problem(one) is None]
    if not possible:
        return []
    where = [*visible(scope, noun.table, deleted=deleted), one_of(noun.table.id, possible)]
    statement = select(*columns(noun.table, noun.model)).where(*where)
    found = {row.id: row for row in await read_rows(session, statement, model=noun.model)}
    return [found[one] for one in possible if one in found]


def _ordered(place: Any, order: Order) -> list[ColumnElement[Any]]:
    keys = [place.created_at, place.id]
    return [key.desc() for key in keys] if order == "newest" else keys


def _model_of(table: Any) -> type[Base]:
    [model] = [mapper.class_ for mapper in Base.registry.mappers if mapper.local_table is table]
    return model
