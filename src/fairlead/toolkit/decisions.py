"""The way from a comparison to what is wanted: renames found and decided, values for rows that need one.

The renames are carried out on the shadow database, so that the comparison made after them shows what is left to do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import TypeAlias

from alembic.operations import ops

from fairlead.errors import DecisionNeeded
from fairlead.toolkit.backfill import has_to_be_given
from fairlead.toolkit.catalogue import DEFAULT_SCHEMA, Key, Kind
from fairlead.toolkit.change import Action, Change, changes
from fairlead.toolkit.compared import DENIED, Shadow
from fairlead.toolkit.consent import AskForfeit
from fairlead.toolkit.conversions import impossible
from fairlead.toolkit.hints import AskRename, AskValue, Hints, ValueNeeded, decide, insist_on_one, unused, valued
from fairlead.toolkit.naming import for_driver, path_of
from fairlead.toolkit.operations import flat
from fairlead.toolkit.renames import Place, Question, Rename, dropped, followers, questions

__all__ = ["DENIED", "Decided", "Deciding", "Operations", "Shadow", "decided"]

Operations: TypeAlias = list[ops.MigrateOperation]


@dataclass(frozen=True, slots=True)
class Decided:
    """What a revision has to do: the renames in order, then the operations, with the values that rows get."""

    renames: tuple[Rename, ...]
    operations: Operations
    fills: dict[str, str] = field(default_factory=dict)
    casts: dict[str, str] = field(default_factory=dict)
    allowed: frozenset[str] = frozenset()  # what may go, with all that is in it


@dataclass(frozen=True, slots=True)
class Deciding:
    """Who decides: hints first, then whoever can be asked."""

    hints: Hints
    ask_rename: AskRename | None = None
    ask_value: AskValue | None = None
    ask_forfeit: AskForfeit | None = None


def decided(shadow: Shadow, deciding: Deciding) -> Decided:
    """Find what is to be done; raises DecisionNeeded that says what to pass."""
    renames, operations = _renamed(shadow, deciding)
    hints = reduce(Hints.following, renames, deciding.hints)
    fills = valued(_empty_rows(operations), hints.backfills, deciding.ask_value)
    casts = valued(impossible(shadow, operations, hints.casts), hints.casts, deciding.ask_value)
    return Decided(tuple(renames), operations, fills, casts, hints.drops)


def _renamed(shadow: Shadow, deciding: Deciding) -> tuple[list[Rename], Operations]:
    renames: list[Rename] = []
    asked: dict[Place, Question] = {}
    hints = deciding.hints
    while True:
        found = shadow.found()
        differing = changes(found, shadow.declared)
        new = [question for question in questions(differing) if question.gone not in asked]
        # Tables and enums first: only when they have their names can columns and values be told apart.
        new = [question for question in new if question.gone.kind in {Kind.TABLE, Kind.ENUM}] or new
        if not new:
            break
        asked.update((question.gone, question) for question in new)
        insist_on_one(asked.values(), hints)
        for rename in decide(new, hints, deciding.ask_rename):
            renames.extend(_carried_out(shadow, rename))
            hints = hints.following(rename)
    if astray := unused(hints, asked.values(), gone=dropped(differing) | _changing(differing)):
        raise DecisionNeeded(
            "These hints answer no question: nothing of that name left the models, or nothing came in beside it.",
            details=dict.fromkeys(astray, "Leave it out, or mend the name."),
        )
    return renames, list(flat(shadow.difference(found).upgrade.ops))


def _changing(differing: Iterable[Change]) -> set[str]:
    """Return the columns whose values may be asked about: those of another type, and those that are generated now."""
    return {
        path_of(None if change.schema == DEFAULT_SCHEMA else change.schema, change.table, change.name)
        for change in differing
        if change.kind is Kind.COLUMN and change.action is Action.ALTER
        if not change.facts.keys().isdisjoint({"type", "generated"})
    }


def _carried_out(shadow: Shadow, rename: Rename) -> Iterator[Rename]:
    """Yield a rename and those that follow it, each done on the shadow."""
    schema = rename.new.schema or DEFAULT_SCHEMA
    rename = replace(rename, makes_schema=Key(Kind.SCHEMA, schema, "", schema) not in shadow.found())
    _run(shadow, rename)
    yield rename
    for follower in followers(rename, shadow.changes()):
        _run(shadow, follower)
        yield follower


def _run(shadow: Shadow, rename: Rename) -> None:
    with shadow.owned():
        for statement in rename.statements():
            shadow.connection.exec_driver_sql(for_driver(statement))


def _empty_rows(operations: Operations) -> Iterator[ValueNeeded]:
    """Yield the columns that are to be NOT NULL while rows are there that have nothing in them."""
    fresh = {(leaf.schema, leaf.table_name) for leaf in operations if isinstance(leaf, ops.CreateTableOp)}
    for leaf in operations:
        if isinstance(leaf, ops.AddColumnOp) and (leaf.schema, leaf.table_name) not in fresh:
            if has_to_be_given(leaf.column):
                yield ValueNeeded(
                    "backfill",
                    (leaf.schema, leaf.table_name, str(leaf.column.name)),
                    "It is NOT NULL and has no server default: what do the rows get that are there?",
                    "<SQL expression>",
                )
        elif isinstance(leaf, ops.AlterColumnOp) and leaf.modify_nullable is False and not _has_default(leaf):
            yield ValueNeeded(
                "backfill",
                (leaf.schema, leaf.table_name, leaf.column_name),
                "It becomes NOT NULL: what do the rows get that have nothing in it (NULL: there are none)?",
                "<SQL expression>",
            )


def _has_default(leaf: ops.AlterColumnOp) -> bool:
    default = leaf.existing_server_default if leaf.modify_server_default is False else leaf.modify_server_default
    return default not in {None, False}
