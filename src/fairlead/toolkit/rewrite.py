"""Safe DDL: what a comparison asks for, as statements that do not stop the application that is running.

PostgreSQL holds a lock until the transaction ends, so what takes long must not share one with what blocks. A revision
is therefore two parts. The statements of `alone` come first, each a transaction of its own: indexes built concurrently,
constraints added NOT VALID and then validated, values filled in batches. Each may be run again, so that a revision that
was stopped half-way, by a lock that did not come or by kill -9, is simply run once more. The statements of `together`
are one transaction with the note that the revision is applied, and take their locks for a moment.

What has to build on something that `together` makes or renames is left over, for a revision that follows.
On a table that is made in the same revision plain DDL is right: nobody uses it yet.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

from alembic.operations import ops

from fairlead.toolkit.catalogue import Kind
from fairlead.toolkit.change import Action
from fairlead.toolkit.naming import key_of, quoted
from fairlead.toolkit.operations import flat, statements
from fairlead.toolkit.plugin.operation import CatalogueOp
from fairlead.toolkit.safe_ddl import Facts, Table, name_of, part_of, plain, table_of

Leaves: TypeAlias = list[ops.MigrateOperation]
Names: TypeAlias = set[tuple[Table | None, str]]
_BUILDING: Final = (ops.CreateIndexOp, ops.AddConstraintOp)
_ON_COLUMNS: Final = (ops.AddColumnOp, ops.AlterColumnOp, *_BUILDING)
_DROPPING: Final = (ops.DropIndexOp, ops.DropConstraintOp)
_DROPS_ITSELF: Final = (ops.CreateForeignKeyOp, ops.CreateCheckConstraintOp)
_REPLACED: Final = (ops.CreateIndexOp, ops.CreateUniqueConstraintOp)
_NAMED_ELSEWHERE: Final = {Kind.ENUM, Kind.COMPOSITE, Kind.RANGE, Kind.DOMAIN, Kind.SEQUENCE, Kind.FUNCTION}


@dataclass(frozen=True, slots=True)
class Rewritten:
    """The statements of a revision, and the operations that only a revision after it can do well."""

    alone: tuple[str, ...]
    together: tuple[str, ...]
    later: tuple[ops.MigrateOperation, ...] = ()


def rewrite(operations: Iterable[ops.MigrateOperation], facts: Facts) -> Rewritten:
    """Return the operations as safe DDL, in the order in which they come."""
    leaves = [leaf for leaf in flat(operations) if table_of(leaf) not in facts.gone or _goes_before(leaf)]
    leaves = _in_order(leaves, ops.DropTableOp, backwards=True)
    leaves = _in_order(leaves, ops.CreateTableOp, backwards=False)
    facts = _knowing_all(leaves, facts)
    apart = {name_of(leaf) for leaf in leaves if _cannot_stay(leaf, facts)}
    facts = replace(facts, replaced=facts.replaced - apart)
    waiting = [leaf for leaf in leaves if _has_to_wait(leaf, facts)]
    leaves, waiting = _without_drops_for_another(leaves, facts, waiting, apart=apart)
    built = {table_of(leaf) for leaf in leaves if leaf not in waiting and part_of(leaf, facts).alone}
    parts = []
    for leaf in leaves:
        if leaf not in waiting:
            parts.append(part_of(leaf, facts, early=table_of(leaf) in built))
        elif not facts.forward:
            parts.append(plain(leaf, facts))
    return Rewritten(
        tuple(sorted((statement for part in parts for statement in part.alone), key=_phase)),
        tuple(statement for part in parts for statement in part.together),
        tuple(waiting) if facts.forward else (),
    )


def _goes_before(leaf: ops.MigrateOperation) -> bool:
    """Say whether it is done although its table goes: tables that refer to each other cannot go while they do."""
    if isinstance(leaf, CatalogueOp):
        return leaf.change.kind is Kind.CONSTRAINT and leaf.change.thing.facts["type"] == "foreign key"
    return isinstance(leaf, ops.DropTableOp)


def _phase(alone: str) -> int:
    """Order what stands alone: the room for values, the values, what they have to keep to, and what takes long."""
    if " NOT VALID" in alone or alone.startswith("UPDATE "):
        return 2
    return 1 if alone.startswith("DO ") else 3 if " CONCURRENTLY " in alone or " VALIDATE " in alone else 0


def _in_order(leaves: Leaves, kind: Any, *, backwards: bool) -> Leaves:
    """Put the tables that are made, or backwards those that are dropped, in an order that their foreign keys allow."""
    waiting: list[Any] = [leaf for leaf in leaves if isinstance(leaf, kind)]
    ordered: list[Any] = []
    while waiting:
        names = {key_of(leaf.schema, leaf.table_name) for leaf in waiting}
        free = [leaf for leaf in waiting if not (_referred(leaf) - {key_of(leaf.schema, leaf.table_name)}) & names]
        free = free or waiting  # a circle; the trial will tell
        ordered += free
        waiting = [leaf for leaf in waiting if leaf not in free]
    places = iter(reversed(ordered) if backwards else ordered)
    return [next(places) if isinstance(leaf, kind) else leaf for leaf in leaves]


def _referred(leaf: ops.CreateTableOp | ops.DropTableOp) -> set[str]:
    return {key.target_fullname.rpartition(".")[0] for key in leaf.to_table().foreign_keys}


def _knowing_all(leaves: Leaves, facts: Facts) -> Facts:
    """Return the facts with what the operations say of each other: what is replaced, and what is new besides tables."""
    dropped = {name_of(leaf) for leaf in leaves if isinstance(leaf, _DROPPING)}
    facts = replace(
        facts,
        new=_new(leaves),
        replaced=frozenset(name_of(leaf) for leaf in leaves if isinstance(leaf, _REPLACED)) & dropped,
    )
    on_new = {table_of(leaf) for leaf in leaves if isinstance(leaf, ops.AddColumnOp) and _stands_on_new(leaf, facts)}
    return replace(facts, retyped=facts.retyped | {table for table in on_new if table})


def _new(leaves: Leaves) -> re.Pattern[str] | None:
    """Return what finds the names of types, functions and sequences that the transaction makes; None: there are none.

    What an extension brings along has names that nobody knows here.
    """
    made = [leaf.change for leaf in leaves if isinstance(leaf, CatalogueOp) and leaf.change.action is Action.ADD]
    if any(change.kind is Kind.EXTENSION for change in made):
        return re.compile("")
    names = (
        change.name.partition("(")[0] if change.kind is Kind.FUNCTION else quoted(change.name)
        for change in made
        if change.kind in _NAMED_ELSEWHERE
    )
    words = [rf'(?<![\w$"]){re.escape(name)}(?![\w$"])' for name in names]
    return re.compile("|".join(words)) if words else None


def _stands_on_new(leaf: ops.MigrateOperation, facts: Facts) -> bool:
    part = part_of(leaf, facts)
    return facts.new is not None and any(map(facts.new.search, (*part.alone, *part.together)))


def _has_to_wait(leaf: ops.MigrateOperation, facts: Facts) -> bool:
    """Say whether something slow stands on what this very revision makes or renames."""
    if not part_of(leaf, facts).alone:
        return False
    if isinstance(leaf, _ON_COLUMNS) and _stands_on_new(leaf, facts):
        return True
    tables, unready = {table_of(leaf)}, facts.renamed | facts.fresh
    if isinstance(leaf, ops.CreateForeignKeyOp):
        tables.add((leaf.kw.get("referent_schema"), leaf.referent_table))
    if isinstance(leaf, _BUILDING):
        unready |= facts.retyped
    return bool(tables & unready)


def _cannot_stay(leaf: ops.MigrateOperation, facts: Facts) -> bool:
    """Say whether an index or a check casts to what may be the type that its table's column has no more."""
    if not isinstance(leaf, _DROPPING) or table_of(leaf) not in facts.retyped or not getattr(leaf, "_reverse", None):
        return False
    return any("::" in statement for statement in statements(leaf.reverse(), facts.metadata))


def _without_drops_for_another(leaves: Leaves, facts: Facts, waiting: Leaves, *, apart: Names) -> tuple[Leaves, Leaves]:
    """Leave out drops of what drops the old one by itself; where that is built later, the old one stays till then.

    What is `apart` goes at once, since it cannot stay.
    """
    anew = {
        name_of(leaf)
        for leaf in leaves
        if isinstance(leaf, _DROPS_ITSELF) and part_of(leaf, facts).alone and (facts.forward or leaf not in waiting)
    } - apart
    late = {name_of(leaf) for leaf in waiting if isinstance(leaf, (*_REPLACED, *_DROPS_ITSELF))} - apart
    kept = [leaf for leaf in leaves if not (isinstance(leaf, _DROPPING) and name_of(leaf) in anew - late)]
    return kept, [leaf for leaf in kept if leaf in waiting or (isinstance(leaf, _DROPPING) and name_of(leaf) in late)]
