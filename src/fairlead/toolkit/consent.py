"""What a revision would do to values that nobody can bring back, beside what it drops: a person says that it is meant.

It is found without rows, from what the old type can hold and the new one cannot (`conversions.py`); `push`, which has
rows, counts them (`destruction.py`).
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from alembic.operations import ops

from fairlead.errors import DecisionNeeded
from fairlead.toolkit.conversions import Narrowing
from fairlead.toolkit.hints import value_option
from fairlead.toolkit.naming import path_of
from fairlead.toolkit.plugin.operation import CatalogueOp
from fairlead.toolkit.sentences import becomes_generated


@dataclass(frozen=True, slots=True)
class Forfeit:
    """Values of a column that are changed or go; `remedy` is what to pass instead of letting them."""

    column: str
    sentence: str
    remedy: str = ""


AskForfeit: TypeAlias = Callable[[Forfeit], bool]


def insist_on_consent(
    operations: Iterable[ops.MigrateOperation],
    narrowings: Iterable[Narrowing],
    *,
    allowed: Collection[str],
    ask: AskForfeit | None,
) -> None:
    """Raise DecisionNeeded for what nobody allowed, with what to pass."""
    open_ones = [one for one in _forfeits(operations, narrowings) if one.column not in allowed]
    if refused := [one for one in open_ones if ask is None or not ask(one)]:
        raise DecisionNeeded(
            "Values would be changed, or go, for good; nothing was written. Pass for each that is meant:",
            details={one.column: f"{one.sentence} Pass {_told(one)}." for one in refused},
            choices={one.column: [("--allow-drop", one.column)] for one in refused},
        )


def _told(one: Forfeit) -> str:
    return shlex.join(("--allow-drop", one.column)) + (f", or {one.remedy}" if one.remedy else "")


def _forfeits(operations: Iterable[ops.MigrateOperation], narrowings: Iterable[Narrowing]) -> Iterator[Forfeit]:
    for leaf in operations:
        if becomes_generated(leaf) and isinstance(leaf, CatalogueOp):
            column = path_of(leaf.schema, leaf.table_name, leaf.change.name)
            yield Forfeit(column, "It is generated from now on, and the values that it has go.")
    for one in narrowings:
        if one.becomes is not None:
            how = value_option("--cast", f"{one.column}=<SQL expression>")
            yield Forfeit(one.column, f"It becomes {one.wanted}: {changed(one)}.", f"say how to convert it: {how}")


def changed(narrowing: Narrowing) -> str:
    """Say what becomes of a value: "1.23 becomes 1"."""
    return f"{_short(narrowing.value)} becomes {_short(narrowing.becomes or '')}"


def _short(value: str) -> str:
    return value if len(value) <= _LONGEST else f"{value[:_LONGEST]}…"


_LONGEST: Final = 40
