"""Names and texts as SQL writes them, and names as people do."""

from __future__ import annotations

import re
from typing import Final

from sqlalchemy.dialects import postgresql

# Of the other ways to write parameters some would double each per cent sign.
PREPARER: Final = postgresql.dialect(paramstyle="named").identifier_preparer  # type: ignore[no-untyped-call]  # SQLAlchemy's gap

NAME: Final = r'(?:"(?:[^"]|"")+"|[\w$]+)'  # regular expressions: one name, a path of one or two
PATH: Final = rf"{NAME}(?:\.{NAME})?"


def quoted(*names: str | None) -> str:
    """Return a name, or a path of them, quoted where PostgreSQL needs it; what is None is left out."""
    return ".".join(PREPARER.quote(name) for name in names if name is not None)


def split(path: str) -> list[str]:
    """Return the names of a path, quoted as they are."""
    return re.findall(NAME, path)


def unquoted(name: str) -> str:
    """Return a name as the catalogue holds it."""
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def literal(value: str) -> str:
    """Return a text as SQL writes it."""
    return "'" + value.replace("'", "''") + "'"


def for_driver(statement: str) -> str:
    """Return a statement for `exec_driver_sql`, which takes a per cent sign for the beginning of a parameter."""
    return statement.replace("%", "%%")


def path_of(*names: str | None) -> str:
    """Return a table or a column as people name it: `users.email`, `shop.users.email`, `users."e.mail"`."""
    return ".".join(_told(name) for name in names if name)


def path_from(told: str) -> str | None:
    """Return a path that a person wrote as `path_of` writes it, where quotes are spared; None when it is none."""
    if not _TOLD_PATH.fullmatch(told):
        return None
    return path_of(*(unquoted(part.strip()) for part in _TOLD.findall(told)))


def pair_from(told: str) -> tuple[str, str] | None:
    """Return the path before the first equals sign that is in no name, and what follows; None where that is missing."""
    found = _TOLD_PAIR.fullmatch(told)
    path = path_from(found["path"]) if found else None
    return (path, found["rest"].strip()) if found and path else None


def key_of(*names: str | None) -> str:
    """Return what a table is called in a MetaData."""
    return ".".join(name for name in names if name)


def _told(name: str) -> str:
    return name if _PLAIN.fullmatch(name) else '"' + name.replace('"', '""') + '"'


_PLAIN: Final = re.compile(r'(?![\s"])[^.=]*[^.=\s]')  # a name that needs no quotes among people
_TOLD: Final = re.compile(r'\s*(?:"(?:[^"]|"")+"|[^\s".=][^.=]*)\s*')
_TOLD_PATH: Final = re.compile(rf"{_TOLD.pattern}(?:\.{_TOLD.pattern})*")
_TOLD_PAIR: Final = re.compile(rf"(?P<path>{_TOLD_PATH.pattern})=(?P<rest>.*\S.*)", re.DOTALL)
