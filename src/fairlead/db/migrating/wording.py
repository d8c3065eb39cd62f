"""What a statement is, read from its first words: as much as running it once, and only once, needs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_COMMENT: Final = re.compile(r"\s*(?:--[^\n]*(?:\n|$)|/\*.*?\*/)", re.DOTALL)
_NAME: Final = r'(?:"(?:[^"]|"")+"|[\w$]+)'
# What changes nothing that lasts: it is sent again when a revision is gone on with.
_PASSING: Final = re.compile(
    r"(?:select|values|table|show|set|reset|explain|lock|savepoint|release|rollback|begin|start|commit|end|declare"
    r"|fetch|close|prepare|execute|deallocate|discard|listen|notify|create\s+(?:local\s+|global\s+)?temp(?:orary)?)\b",
    re.IGNORECASE,
)
_WRITES: Final = re.compile(r"\b(?:insert|update|delete|merge)\b", re.IGNORECASE)
# What PostgreSQL refuses in a transaction, or what may end one by itself.
_ALONE: Final = re.compile(
    r"(?:create\s+(?:unique\s+)?index\s+concurrently|drop\s+index\s+concurrently|reindex|vacuum|cluster|call|do"
    r"|(?:create|drop|alter)\s+(?:database|tablespace|subscription|system)"
    r"|alter\s+table\b.*\bdetach\s+partition\b.*\b(?:concurrently|finalize))\b",
    re.IGNORECASE | re.DOTALL,
)
_BUILDS: Final = re.compile(
    rf"create\s+(?:unique\s+)?index\s+concurrently\s+(?:if\s+not\s+exists\s+)?(?P<name>{_NAME})\s+"
    rf"on\s+(?:only\s+)?(?P<table>{_NAME}(?:\.{_NAME})?)",
    re.IGNORECASE,
)
_DROPS: Final = re.compile(
    rf"drop\s+index\s+concurrently\s+(?:if\s+exists\s+)?(?P<name>{_NAME}(?:\.{_NAME})?)\s*(?:cascade|restrict)?\s*;?\s*$",
    re.IGNORECASE,
)


QUOTED: Final = r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|\$(?P<mark>\w*)\$[\s\S]*?\$(?P=mark)\$"""  # what is as it is
_MARGIN: Final = re.compile(rf"{QUOTED}|(?P<tab>\t)")


@dataclass(frozen=True, slots=True)
class IndexBuild:
    """An index that is built concurrently: its name, and its table as it is written in SQL."""

    name: str
    table: str


def with_spaces(statement: str) -> str:
    """Return a statement whose margins are of spaces; a tab in a text or a body stays one."""
    return _MARGIN.sub(lambda found: "    " if found["tab"] else found[0], statement)


def bare(statement: str) -> str:
    """Return a statement without the comments and spaces in front of it."""
    while found := _COMMENT.match(statement):
        statement = statement[found.end() :]
    return statement.strip()


def is_passing(statement: str) -> bool:
    """Whether it leaves nothing behind that a later session would find."""
    first = bare(statement)
    if re.match(r"with\b", first, re.IGNORECASE):
        return not _WRITES.search(first)
    return bool(_PASSING.match(first))


def stands_alone(statement: str) -> bool:
    """Whether it must not be put into a transaction."""
    return bool(_ALONE.match(bare(statement)))


def waits_harmlessly(statement: str) -> bool:
    """Whether its waiting blocks no reader and no writer: an index built or dropped concurrently."""
    return bool(re.match(r"(?:create\s+(?:unique\s+)?|drop\s+)index\s+concurrently\b", bare(statement), re.IGNORECASE))


def index_built(statement: str) -> IndexBuild | None:
    """Return what CREATE INDEX CONCURRENTLY builds, where it gives the index a name."""
    found = _BUILDS.match(bare(statement))
    return IndexBuild(_plain(found["name"]), found["table"]) if found and found["name"].lower() != "on" else None


def index_dropped(statement: str) -> str | None:
    """Return the index that DROP INDEX CONCURRENTLY drops, as it is written."""
    found = _DROPS.match(bare(statement))
    return found["name"] if found else None


def _plain(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name.lower()
