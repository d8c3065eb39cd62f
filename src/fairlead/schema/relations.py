"""Relations: how a table's rows lead to those of others, declared in the table's file beside its columns.

None of them ever loads by itself (`lazy="raise"`), and nothing is written through one: they are there to be joined
along, and `queries/include.py` reads along them what a caller asks for. Each foreign key has its relation on the side
that holds it, named after what it leads to. No relation knows of tenants or of soft deletion: whoever reads along one
adds `db/rows.py`'s `visible` for the table it leads to and, where it goes through a third one, `within` for that.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Mapped, relationship


def related(*, through: str | None = None, on: str | None = None) -> Mapped[Any]:
    """Declare a relation to the annotated model; `through` names the table that lies between the two, if one does.

    `on` says how the rows belong together where no foreign key between the two tables does, or more than one.
    """
    return relationship(secondary=through, primaryjoin=on, lazy="raise", viewonly=True)
