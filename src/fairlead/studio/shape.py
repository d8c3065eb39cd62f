"""What studio knows of each table: the metadata's tables and references, with what the database says of their columns.

The metadata says which tables there are and what is secret; the database says what a column really is, so that another
application's own column types need not be understood. A table or column that the database lacks is left out and named.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["text", "number", "boolean", "time", "json", "array", "enum", "binary", "other"]


@dataclass(frozen=True, slots=True)
class Column:
    """An open column. `made` is the database's own to fill; `default` is what it fills in when nothing is given.

    `indexed`: an index begins with it; `indexed_behind`: columns that an index begins with, it being the second.
    """

    name: str
    type: str
    kind: Kind
    nullable: bool = True
    default: str | None = None
    made: bool = False
    labels: tuple[str, ...] = ()
    comment: str | None = None
    indexed: bool = False
    indexed_behind: tuple[str, ...] = ()

    @property
    def required(self) -> bool:
        """Whether a new row has to bring it."""
        return not (self.nullable or self.made or self.default is not None)

    @property
    def sortable(self) -> bool:
        """Whether the type has an order."""
        return self.kind not in {"other", "binary"} and self.type != "json"


@dataclass(frozen=True, slots=True)
class Reference:
    """From columns of `table` to columns of `other`, which is one row at most."""

    table: str
    columns: tuple[str, ...]
    other: str
    other_columns: tuple[str, ...]

    @property
    def column(self) -> str:
        """The column that says most: the last, since what comes before narrows (an organization's id)."""
        return self.columns[-1]


@dataclass(frozen=True, slots=True)
class Table:
    """A table: its open columns, its key (empty: it has none), its references both ways.

    `kept` says, where there is a reason, why its rows are not to be changed by hand.
    """

    name: str
    schema: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    secret: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    references: tuple[Reference, ...] = ()
    referenced: tuple[Reference, ...] = ()
    kept: str | None = None
    comment: str | None = None
    rows_estimate: int = -1
    bytes: int = 0
    row_security: bool = False
    tenant_column: str | None = None
    drawn_key: bool = False  # a new row's key is drawn by the application, and here by studio

    @property
    def address(self) -> str:
        """Its name in addresses and for people: with its schema where that is not the default one."""
        return self.name if self.schema == "public" else f"{self.schema}.{self.name}"

    def column(self, name: str) -> Column | None:
        """Return the open column of that name."""
        return next((column for column in self.columns if column.name == name), None)


@dataclass(frozen=True, slots=True)
class Shape:
    """All tables by address, in the metadata's order by name, and what the metadata has and the database lacks."""

    tables: Mapping[str, Table]
    missing: tuple[str, ...] = ()
    setting: str = ""  # the one that the tables' policies compare rows with, when it is one
    names: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(self.tables))
