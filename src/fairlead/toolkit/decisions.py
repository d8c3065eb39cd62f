"""The way from a comparison to what is wanted: renames found and decided, values for rows that need one.

The renames are carried out on the shadow database, so that the comparison made after them shows what is left to do.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Final, TypeAlias

from alembic.operations import ops
from sqlalchemy import Connection, RootTransaction
from sqlalchemy.exc import DBAPIError

from fairlead.errors import DecisionNeeded, MigrationFailed, OperatorError
from fairlead.toolkit.backfill import has_to_be_given
from fairlead.toolkit.beside import retyped
from fairlead.toolkit.catalogue import DEFAULT_SCHEMA, Catalogue, Key, Kind, read_catalogue
from fairlead.toolkit.change import Action, Change, changes
from fairlead.toolkit.difference import Difference, difference
from fairlead.toolkit.environment import first_line
from fairlead.toolkit.hints import AskRename, AskValue, Hints, ValueNeeded, decide, insist_on_one, unused, valued
from fairlead.toolkit.naming import for_driver, path_of, quoted
from fairlead.toolkit.operations import flat, statements, type_change
from fairlead.toolkit.plugin.operation import CatalogueOp
from fairlead.toolkit.renames import Place, Question, Rename, dropped, followers, questions
from fairlead.toolkit.target import Target

Operations: TypeAlias = list[ops.MigrateOperation]
DENIED: Final = "42501"  # the SQLSTATE of what a login may not do


@dataclass(frozen=True, slots=True)
class Decided:
    """What a revision has to do: the renames in order, then the operations, with the values that rows get."""

    renames: tuple[Rename, ...]
    operations: Operations
    fills: dict[str, str] = field(default_factory=dict)
    casts: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Deciding:
    """Who decides: hints first, then whoever can be asked."""

    hints: Hints
    ask_rename: AskRename | None = None
    ask_value: AskValue | None = None


@dataclass(frozen=True, slots=True)
class Shadow:
    """A database that stands at the newest revision, and what the models declare."""

    target: Target
    connection: Connection
    declared: Catalogue

    def found(self) -> Catalogue:
        """Return what is there now."""
        return read_catalogue(self.connection, self.target)

    def changes(self) -> list[Change]:
        """Return what differs from the models now."""
        return changes(self.found(), self.declared)

    def difference(self, found: Catalogue) -> Difference:
        """Compare what was just found with the models."""
        return difference(self.target, self.connection, declared=self.declared, found=found)

    @contextmanager
    def owned(self) -> Iterator[RootTransaction]:
        """Begin a transaction as the role that owns the tables; raises OperatorError for what the login may not do."""
        try:
            with self.connection.begin() as transaction:
                if self.target.owner:
                    self.connection.exec_driver_sql(for_driver(f"set local role {quoted(self.target.owner)}"))
                yield transaction
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", "") != DENIED:
                raise
            raise OperatorError(f"This login may not do that: {first_line(error)}. Nothing was changed.") from error


def decided(shadow: Shadow, deciding: Deciding) -> Decided:
    """Find what is to be done; raises DecisionNeeded that says what to pass."""
    renames, operations = _renamed(shadow, deciding)
    hints = reduce(Hints.following, renames, deciding.hints)
    fills = valued(_empty_rows(operations), hints.backfills, deciding.ask_value)
    casts = valued(_impossible_casts(shadow, operations, hints.casts), hints.casts, deciding.ask_value)
    return Decided(tuple(renames), operations, fills, casts)


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
    if astray := unused(hints, asked.values(), gone=dropped(differing)):
        raise DecisionNeeded(
            "These hints answer no question: nothing of that name left the models, or nothing came in beside it.",
            details=dict.fromkeys(astray, "Leave it out, or mend the name."),
        )
    return renames, list(flat(shadow.difference(found).upgrade.ops))


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


def _impossible_casts(shadow: Shadow, operations: Operations, casts: Iterable[str]) -> Iterator[ValueNeeded]:
    """Yield the columns whose new type PostgreSQL does not make of the old one by itself."""
    made = list(_new_types(operations))
    for leaf in operations:
        if isinstance(leaf, ops.AlterColumnOp) and leaf.modify_type is not None:
            [change] = statements(type_change(leaf), shadow.target.metadata)
            schema, table, name = leaf.schema, leaf.table_name, leaf.column_name
        elif isinstance(leaf, CatalogueOp) and (changed := retyped(leaf)):
            change, schema, table, name = (
                changed.partition(" using ")[0],
                leaf.schema,
                leaf.table_name,
                leaf.change.name,
            )
        else:
            continue
        place = (schema, table, name)
        if path_of(*place) not in casts and not _can(
            shadow, quoted(schema, table), quoted(name), change=(*made, change)
        ):
            wanted = re.split(r"(?i) type ", change)[-1].partition(" COLLATE ")[0]
            yield ValueNeeded("cast", place, "PostgreSQL does not convert it by itself.", f"{quoted(name)}::{wanted}")


def _new_types(operations: Operations) -> Iterator[str]:
    for leaf in operations:
        if isinstance(leaf, CatalogueOp) and leaf.change.action is Action.ADD and leaf.change.kind in _TYPES:
            yield from leaf.statements


_TYPES: Final = {Kind.SCHEMA, Kind.EXTENSION, Kind.ENUM, Kind.COMPOSITE, Kind.RANGE, Kind.DOMAIN}


def _can(shadow: Shadow, table: str, name: str, *, change: tuple[str, ...]) -> bool:
    """Try the change on a copy of the column, which has no values, no default and nothing that is built on it.

    Raises MigrationFailed for what is wrong otherwise.
    """
    copied = f"create temporary table {_COPY} on commit drop as select {name} from {table} with no data"  # noqa: S608 - quoted names
    *before, retype = change
    try:
        with shadow.owned() as attempt:
            for statement in (copied, *before, retype.replace(f" {table} ", f" pg_temp.{_COPY} ", 1)):
                shadow.connection.exec_driver_sql(for_driver(statement))
            attempt.rollback()
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", "") in _NO_CAST:
            return False
        raise MigrationFailed(f"{first_line(error)}. Nothing was changed.", details={"statement": retype}) from error
    return True


_COPY: Final = "fairlead_attempt"
_NO_CAST: Final = {"42804", "42846"}  # datatype_mismatch, cannot_coerce
