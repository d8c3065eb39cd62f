"""Names and texts as SQL writes them, and names as people do."""

from __future__ import annotations

from typing import Final

from sqlalchemy.dialects import postgresql

# Of the other ways to write parameters some would double each per cent sign.
PREPARER: Final = postgresql.dialect(paramstyle="named").identifier_preparer  # type: ignore[no-untyped-call]  # SQLAlchemy's gap

NAME: Final = r'(?:"(?:[^"]|"")+"|[\w$]+)'  # regular expressions: one name, a path of one or two
PATH: Final = rf"{NAME}(?:\.{NAME})?"
QUOTED: Final = r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|\$(?P<mark>\w*)\$[\s\S]*?\$(?P=mark)\$"""  # what is as it is


def quoted(*names: str | None) -> str:
    """Return a name, or a path of them, quoted where PostgreSQL needs it; what is None is left out."""
    return ".".join(PREPARER.quote(name) for name in names if name is not None)


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
    """Return a table or a column as people name it: `users.email`, `shop.users.email`."""
    return ".".join(name for name in names if name)
