"""Alembic's own operations for an index of the catalogue, also for one that no model holds, so that all are alike.

The columns are taken from PostgreSQL's text of the index as they stand there, with their order, collation and class.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from alembic.operations.ops import CreateIndexOp, DropIndexOp
from sqlalchemy import literal_column, text
from sqlalchemy.sql.elements import conv

from fairlead.toolkit.catalogue import DEFAULT_SCHEMA, Thing
from fairlead.toolkit.naming import unquoted

_DEFINITION: Final = re.compile(r"CREATE (?:UNIQUE )?INDEX .+? ON (?:ONLY )?.+? USING (\w+) \(", re.DOTALL)
_PLAIN: Final = re.compile(r"[a-z_][a-z0-9_]*")
_OPENING, _CLOSING, _QUOTES = "([", ")]", "'\""


def create_index(thing: Thing) -> CreateIndexOp:
    """Return the operation that makes the index."""
    definition = thing.facts["definition"]
    start = _DEFINITION.match(definition)
    assert start is not None  # noqa: S101 - it is PostgreSQL's own text
    columns, rest = _parts(definition, start.end())
    return CreateIndexOp(
        conv(thing.name),
        thing.key.table,
        [column if _PLAIN.fullmatch(column) else literal_column(column) for column in columns],
        schema=_schema(thing),
        unique=thing.facts["unique"],
        **_options(thing, start.group(1), rest),
    )


def drop_index(thing: Thing) -> DropIndexOp:
    """Return the operation that drops the index, and knows how to make it again."""
    create = create_index(thing)
    return DropIndexOp(
        create.index_name or thing.name,
        create.table_name,
        schema=create.schema,
        unique=create.unique,
        _reverse=create,
        **create.kw,
    )


def _schema(thing: Thing) -> str | None:
    return None if thing.key.schema == DEFAULT_SCHEMA else thing.key.schema


def _options(thing: Thing, method: str, rest: str) -> dict[str, Any]:
    options: dict[str, Any] = {} if method == "btree" else {"postgresql_using": method}
    if included := re.match(r" INCLUDE \(", rest):
        columns, rest = _parts(rest, included.end())
        options["postgresql_include"] = [unquoted(column) for column in columns]
    if rest.startswith(" NULLS NOT DISTINCT"):
        options["postgresql_nulls_not_distinct"] = True
    if stored := re.search(r" WITH \(", rest):
        values, _ = _parts(rest, stored.end())
        options["postgresql_with"] = dict(_setting(value) for value in values)
    if thing.facts.get("predicate"):
        options["postgresql_where"] = text(thing.facts["predicate"])
    return options


def _setting(text_of_it: str) -> tuple[str, str]:
    name, _, value = text_of_it.partition("=")
    return name, value.strip("'")


def _parts(definition: str, start: int) -> tuple[list[str], str]:
    """Return what stands between commas from `start` to the closing parenthesis, and what comes after that."""
    parts, begin = [], start
    for position, depth in _depths(definition, start):
        if depth < 0 or (depth == 0 and definition[position] == ","):
            parts.append(definition[begin:position].strip())
            begin = position + 1
        if depth < 0:
            return parts, definition[position + 1 :]
    raise ValueError(definition)


def _depths(definition: str, start: int) -> Iterator[tuple[int, int]]:
    depth, quote = 0, ""
    for position in range(start, len(definition)):
        character = definition[position]
        if quote or character in _QUOTES:
            quote = "" if character == quote else quote or character
            continue
        depth += (character in _OPENING) - (character in _CLOSING)
        yield position, depth
