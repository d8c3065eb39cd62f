"""What has to be known before a revision is applied, or taken back: said when it is generated, and in its docstring."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final

from alembic.operations import ops

from fairlead.toolkit.catalogue import Kind
from fairlead.toolkit.consent import changed
from fairlead.toolkit.conversions import Narrowing
from fairlead.toolkit.naming import path_of
from fairlead.toolkit.plugin.operation import CatalogueOp
from fairlead.toolkit.renames import Rename
from fairlead.toolkit.sentences import becomes_generated, breaks_running_code, is_generated_no_more, values_gone
from fairlead.toolkit.triggers import Fired

_RENAMES: Final = (
    "Code of the release before does not know the new names: apply this when none of it is running any more."
)
_NAMED_BY_CODE: Final = {Kind.TABLE, Kind.COLUMN, Kind.ENUM, "value"}
_DROPS: Final = (
    "What is dropped is gone: apply this when no code that uses it is running any more. "
    "The downgrade brings it back, without what was in it."
)
_STAND_IN: Final = (
    "The downgrade puts {value} into every row's {column}, because it is NOT NULL and what was in it is gone; "
    "fairlead db rollback says so before it does."
)
_NO_WAY_BACK: Final = (
    "The downgrade brings {column} back only while its table has no rows: it is NOT NULL, and nothing can stand for "
    "the values that are gone; fairlead db rollback refuses while there are rows. Empty the table before it is run, or "
    "write into it where values are to come from."
)
_VALUES: Final = (
    "While a row still has one of the values that go ({}) this fails and changes nothing: change the rows first."
)
_CHANGED: Final = (
    "What is in {} is changed for good ({}) where it does not fit; the downgrade does not bring the values back."
)
_REFUSED: Final = (
    "While a row has a value in {} that does not fit the type {} this fails and changes nothing: change the rows first."
)
_GENERATED: Final = (
    "{} is generated from now on: the values that it has go, and code of the release before cannot write it. "
    "The downgrade makes it a plain column again, {}."
)
_PLAIN: Final = (
    "{} keeps the values that were generated. The downgrade generates them again; what was written into it goes."
)
_BY_TEXT: Final = (
    "The downgrade converts {} back by its text; write into it how, where that does not give what was there before."
)
_REWRITES: Final = (
    "{} is written anew, and nobody reads or writes it meanwhile. If it is large, add a column beside the old one "
    "instead, fill it, and change over with two releases (docs/guides/migrations.md)."
)
_ONE_WAY: Final = (
    "There is no way back from this: {}. Its downgrade says so and changes nothing. If you need one, write it by hand "
    "and take out the line that begins with `irreversible`."
)
_FIRES: Final = (
    "Filling {} updates rows, and that fires {}: what such a trigger notes (a time, who, a history) it notes of every "
    "row. docs/guides/migrations.md says how to keep it from that."
)


def of_renames(renames: Iterable[Rename]) -> Iterator[str]:
    """Yield what other names ask for."""
    if any(rename.old.kind in _NAMED_BY_CODE for rename in renames):
        yield _RENAMES


def of_losses(leaves: Collection[ops.MigrateOperation], stand_ins: Mapping[str, str | None]) -> Iterator[str]:
    """Yield what is said of what goes; `stand_ins` are what columns get that are brought back, None: nothing can be."""
    if any(map(breaks_running_code, leaves)):
        yield _DROPS
    gone = {_column(leaf) for leaf in leaves if isinstance(leaf, ops.DropColumnOp)}
    for column in sorted(gone & stand_ins.keys()):
        yield (_STAND_IN if stand_ins[column] else _NO_WAY_BACK).format(column=column, value=stand_ins[column])
    yield from (_VALUES.format(", ".join(gone_values)) for leaf in leaves if (gone_values := values_gone(leaf)))
    yield from (_GENERATED.format(_column(leaf), _brought_back(leaf)) for leaf in leaves if becomes_generated(leaf))
    yield from (_PLAIN.format(_column(leaf)) for leaf in leaves if is_generated_no_more(leaf))


def of_types(narrowings: Iterable[Narrowing], casts: Iterable[str]) -> Iterator[str]:
    """Yield what becomes of values whose type gets narrower, or that a person said how to convert."""
    yield from map(_BY_TEXT.format, sorted(casts))
    for one in narrowings:
        told = (one.wanted,) if one.becomes is None else (changed(one),)
        yield (_REFUSED if one.becomes is None else _CHANGED).format(one.column, *told)


def of_rewrites(tables: Iterable[str]) -> Iterator[str]:
    """Yield what tables that are written anew ask for."""
    yield from map(_REWRITES.format, tables)


def of_triggers(fired: Iterable[Fired]) -> Iterator[str]:
    """Yield what is said of the application's triggers that fire."""
    yield from (_FIRES.format(one.table, one.sentence) for one in fired)


def _brought_back(leaf: ops.MigrateOperation) -> str:
    """Say what is in a column that was generated when it is plain again."""
    made = [one for one in leaf.back if " add column " in one] if isinstance(leaf, CatalogueOp) else []
    if not made:
        return "with what was generated in it"
    never = any(one.endswith(" not null") for one in made)
    return "and only while its table has no rows" if never else "with nothing in it"


def _column(leaf: ops.MigrateOperation) -> str:
    if isinstance(leaf, CatalogueOp):
        return path_of(leaf.schema, leaf.table_name, leaf.change.name)
    return path_of(getattr(leaf, "schema", None), getattr(leaf, "table_name", None), getattr(leaf, "column_name", None))


def of_one_way(why: str) -> str:
    """Say that PostgreSQL refuses the way back."""
    return _ONE_WAY.format(why)
