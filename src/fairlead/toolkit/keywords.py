"""Generated SQL in one case: in small letters, as all SQL of this code, whoever wrote it.

Alembic, SQLAlchemy and PostgreSQL's catalogue write capitals. PostgreSQL folds what is not quoted to small letters by
itself, names as well as keywords, so that nothing has to be known of a statement but where quotes and comments are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from fairlead.db.migrating.wording import QUOTED

_PIECE: Final = re.compile(rf"(?P<kept>\b[eE]'(?:[^'\\]|\\.|'')*'|{QUOTED}|--[^\n]*|/\*[\s\S]*?\*/)|[A-Z]+")


def small(statement: str) -> str:
    """Return a statement in small letters; what is quoted, and comments, are as they were."""
    return _PIECE.sub(lambda found: found[0] if found["kept"] is not None else found[0].lower(), statement)


def all_small(statements: Iterable[str]) -> tuple[str, ...]:
    """Return the statements in small letters."""
    return tuple(map(small, statements))
