"""Push: bring a database for development to what the models declare, without a migration.

`plan` finds what is to be done and what it would destroy, and tries it, in a transaction that is undone; `apply` does
it in one that is kept only when the database is then what the models declare. No row is ever taken away to make a
change possible.

Where something uses a new value of an enum at once, PostgreSQL wants the value committed before: then the values are a
transaction of their own, and stay when the rest fails.

A pushed database notes no revision. When the models are right, `generate` writes the migration; the pushed database is
then at it already, which `stamp` says.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from alembic.operations import ops
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from fairlead.errors import DecisionNeeded, DestructiveRefused, PushFailed
from fairlead.toolkit.catalogue import Catalogue, Kind
from fairlead.toolkit.decisions import Decided, Deciding, Shadow, decided
from fairlead.toolkit.destruction import Loss, Obstacle, consequences, empty_rows, wanted_type
from fairlead.toolkit.environment import first_line
from fairlead.toolkit.hints import AskRename, AskValue, ValueNeeded, undecided, unvalued
from fairlead.toolkit.keywords import all_small
from fairlead.toolkit.naming import for_driver, path_of, quoted
from fairlead.toolkit.one_transaction import one_transaction
from fairlead.toolkit.operations import flat, statements
from fairlead.toolkit.plugin.operation import CatalogueOp
from fairlead.toolkit.rehearsal import Rehearsal, is_of_values, rehearsed
from fairlead.toolkit.renames import Place, Question
from fairlead.toolkit.safe_ddl import Facts, plainly_altered
from fairlead.toolkit.sentences import described
from fairlead.toolkit.target import Target, insist_all_compared
from fairlead.toolkit.unforeseen import told_as


@dataclass(frozen=True, slots=True)
class Plan:
    """What a push does: sentences for people, the statements in order, what is lost and what stands in the way."""

    sentences: tuple[str, ...]
    statements: tuple[str, ...]
    losses: tuple[Loss, ...] = ()
    obstacles: tuple[Obstacle, ...] = ()
    first: tuple[str, ...] = ()  # values of enums that the statements use: they are committed before

    def refused(self, allowed: Iterable[str]) -> list[Loss]:
        """Return the losses that nobody has allowed."""
        known = set(allowed)
        return [loss for loss in self.losses if loss.name not in known]


@told_as(PushFailed, "The push cannot be planned: {}. Nothing was changed.")
def plan(live: Shadow, deciding: Deciding, *, allowed: Collection[str] = ()) -> Plan:
    """Find what is to be done; the connection is of `one_transaction`, whatever is tried on it is not kept.

    `allowed` names what may be dropped. Raises DecisionNeeded that says what to pass.
    """
    insist_all_compared(live.target)
    asking = replace(
        deciding,
        ask_rename=_renamer(allowed, deciding.ask_rename),
        ask_value=_valuer(live, deciding.ask_value),
    )
    found = decided(live, asking)
    leaves = list(flat(found.operations))
    with live.owned():
        effects = list(consequences(leaves, live.connection, metadata=live.target.metadata, casts=found.casts))
    losses = tuple(effect for effect in effects if isinstance(effect, Loss))
    with live.connection.begin():
        todo = all_small(_past_forced_security(live.connection, _statements(live.target, found, leaves, losses)))
    obstacles = tuple(effect for effect in effects if isinstance(effect, Obstacle))
    trial = Rehearsal() if obstacles else rehearsed(live, todo)
    everything = (*all_small(_renaming(found)), *todo)
    first = tuple(filter(is_of_values, everything)) if trial.values_first else ()
    return Plan(
        (*map(str, found.renames), *described(leaves)),
        tuple(statement for statement in everything if statement not in first),
        losses,
        (*obstacles, trial.obstacle) if trial.obstacle else obstacles,
        first,
    )


def _renaming(found: Decided) -> Iterator[str]:
    return (statement for rename in found.renames for statement in rename.statements())


def _past_forced_security(connection: Connection, todo: Iterable[str]) -> Iterator[str]:
    """Let the owner reach every row that gets a value, where row security is forced on the owner too."""
    forced = text("select coalesce(bool_or(relforcerowsecurity), false) from pg_class where oid = to_regclass(:table)")
    for statement in todo:
        table = statement.removeprefix("UPDATE ").partition(" SET ")[0]
        if statement.startswith("UPDATE ") and connection.execute(forced, {"table": table}).scalar_one():
            yield f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY"
            yield statement
            yield f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY"
        else:
            yield statement


@told_as(PushFailed, "The push failed: {}. Nothing was changed, but for new values of enums.")
def apply(
    url: str,
    planned: Plan,
    *,
    target: Target,
    declared: Catalogue,
    allowed: Collection[str] = (),
    on_statement: Callable[[str], None] = lambda _statement: None,
) -> None:
    """Do what was planned in the database at `url`.

    Raises DestructiveRefused for what nobody has allowed, and PushFailed when something stands in the way, a statement
    fails, or the models are not reached: what is kept then, if anything, it says.
    """
    insist_possible(planned)
    _insist_allowed(planned, allowed)
    if planned.first:
        with one_transaction(url) as (connection, keep):
            _run(Shadow(target, connection, declared), planned.first, kept=_NOTHING, on_statement=on_statement)
            keep()
    kept = _VALUES if planned.first else _NOTHING
    with one_transaction(url) as (connection, keep):
        live = Shadow(target, connection, declared)
        _run(live, planned.statements, kept=kept, on_statement=on_statement)
        _insist_on_models(live, kept)
        keep()


_NOTHING: Final = "Nothing was changed."
_VALUES: Final = "The new values of enums were committed before and stay; nothing else was changed."


def insist_possible(planned: Plan) -> None:
    """Raise PushFailed when something stands in the way."""
    if planned.obstacles:
        raise PushFailed(
            "Something stands in the way; nothing was changed.",
            details={one.name: f"{one.sentence} {one.remedy}" for one in planned.obstacles},
        )


def _insist_allowed(planned: Plan, allowed: Collection[str]) -> None:
    names = Counter(loss.name for loss in planned.losses)
    if both := sorted(name for name, times in names.items() if times > 1 and name in allowed):
        raise DecisionNeeded(
            "These have two meanings, a column and a table of a schema; nothing was changed.",
            details={shlex.join(("--allow-drop", name)): "Change one of the two at a time." for name in both},
        )
    if refused := planned.refused(allowed):
        raise DestructiveRefused(
            "This would destroy something; nothing was changed. Pass for each that is meant:",
            details={shlex.join(("--allow-drop", loss.name)): loss.sentence for loss in refused},
        )


def _insist_on_models(live: Shadow, kept: str) -> None:
    if left := live.changes():
        raise PushFailed(
            f"The database would not be what the models declare. {kept}",
            details={str(number): change.sentence("the database") for number, change in enumerate(left, start=1)},
        )


def _run(live: Shadow, todo: Iterable[str], *, kept: str, on_statement: Callable[[str], None]) -> None:
    with live.owned():
        for statement in todo:
            on_statement(statement)
            try:
                live.connection.exec_driver_sql(for_driver(statement))
            except DBAPIError as error:
                told = {"statement": " ".join(statement.split())}
                raise PushFailed(f"{first_line(error)}. {kept}", details=told) from error


def _renamer(allowed: Collection[str], ask: AskRename | None) -> AskRename:
    """Return who is asked about renames: nobody about what is allowed to be dropped."""

    def answer(question: Question) -> Place | None:
        if str(question.gone) in allowed:
            return None
        if ask is None:
            raise undecided([question])
        return ask(question)

    return answer


def _valuer(live: Shadow, ask: AskValue | None) -> AskValue:
    """Return who is asked for values: nobody where no row needs one."""

    def answer(need: ValueNeeded) -> str:
        schema, table, column = need.place
        if need.option == "backfill":
            with live.owned():
                rows = empty_rows(live.connection, quoted(schema, table), column)
            if not rows:
                return "NULL"
        if ask is None:
            raise unvalued([need])
        return ask(need)

    return answer


def _statements(
    target: Target, found: Decided, leaves: Iterable[ops.MigrateOperation], losses: Iterable[Loss]
) -> Iterator[str]:
    lossy = {loss.name for loss in losses}
    for leaf in leaves:
        if isinstance(leaf, ops.AddColumnOp):
            yield from _added(target, found, leaf)
        elif isinstance(leaf, ops.AlterColumnOp):
            name = path_of(leaf.schema, leaf.table_name, leaf.column_name)
            casts = found.casts
            if name in lossy and name not in casts:  # by itself PostgreSQL would refuse what does not fit
                casts = {**casts, name: f"{quoted(leaf.column_name)}::{wanted_type(leaf, target.metadata)}"}
            yield from plainly_altered(leaf, Facts(target.metadata, fills=found.fills, casts=casts))
        elif isinstance(leaf, CatalogueOp):
            yield from _cast(leaf, found.casts)
        else:
            yield from statements(leaf, target.metadata)


def _cast(leaf: CatalogueOp, casts: Mapping[str, str]) -> Iterator[str]:
    """Yield the statements; a column whose new type needs a cast is converted as a person said, when one did."""
    given = casts.get(path_of(leaf.schema, leaf.change.table, leaf.change.name))
    for statement in leaf.statements:
        before, using, _ = statement.partition(" using ")
        converts = given is not None and leaf.change.kind is Kind.COLUMN and using
        yield f"{before} using {given}" if converts else statement


def _added(target: Target, found: Decided, leaf: ops.AddColumnOp) -> Iterator[str]:
    """Add a column; where rows need a value: without insisting on it, then the value, then NOT NULL."""
    table, name = quoted(leaf.schema, leaf.table_name), str(leaf.column.name)
    fill = found.fills.get(path_of(leaf.schema, leaf.table_name, name), "NULL")
    if fill.upper() == "NULL":
        yield from statements(leaf, target.metadata)
        return
    bare = leaf.column._copy()  # noqa: SLF001 - Alembic does
    bare.nullable = True
    yield from statements(ops.AddColumnOp(leaf.table_name, bare, schema=leaf.schema), target.metadata)
    yield f"UPDATE {table} SET {quoted(name)} = {fill}"  # noqa: S608 - what a person gave as SQL
    yield f"ALTER TABLE {table} ALTER COLUMN {quoted(name)} SET NOT NULL"
