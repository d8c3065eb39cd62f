from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any, ClassVar

from sqlalchemy import Computed, Identity
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from fairlead.domain.item_status import ItemStatus
from fairlead.schema.base import HIDDEN, KeyText
from fairlead.schema.row_security import RowSecurity

ROOT = Path(__file__).resolve().parents[2]
ROW_TYPES: dict[str, Any] = runpy.run_path(str(ROOT / "tools" / "row_types.py"))
EXPECTED: dict[Path, str] = ROW_TYPES["expected_files"]()
PACKAGE: Path = ROW_TYPES["PACKAGE"]


class _Base(DeclarativeBase):
    """A schema of its own, so that the sample is no table of the product."""

    type_annotation_map: ClassVar[dict[Any, Any]] = {dict[str, Any]: JSONB()}


class Parcel(_Base):
    """A parcel, on its way.

    What is said further down stays with the model.
    """

    __tablename__ = "parcels"
    row_security = RowSecurity()

    number: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    organization_id: Mapped[KeyText]
    status: Mapped[ItemStatus]
    contents: Mapped[dict[str, Any] | None]
    secret_hash: Mapped[KeyText] = mapped_column(info=HIDDEN)
    label: Mapped[str] = mapped_column(Computed("organization_id || number"))
    weight: Mapped[float] = mapped_column(server_default="1")


PARCEL = '''\
"""Generated from schema/test_row_types.py by `make golden`; do not edit.

`Parcel` is one row of `parcels` as it is read, `NewParcel` what may be given to make one.
"""

from dataclasses import dataclass
from typing import Any, NotRequired, TypedDict

from fairlead.domain.item_status import ItemStatus


@dataclass(frozen=True, slots=True)
class Parcel:
    """A parcel, on its way."""

    number: int
    organization_id: str
    status: ItemStatus
    contents: dict[str, Any] | None
    label: str
    weight: float


class NewParcel(TypedDict):
    """What may be given for a new row of `parcels`."""

    status: ItemStatus
    contents: NotRequired[dict[str, Any] | None]
    secret_hash: str
    weight: NotRequired[float]
'''


def test_a_model_becomes_a_row_and_a_new_row() -> None:
    """Null, JSON, enum, hidden, computed, identity, default and scope each have their say in a table's file."""
    assert ROW_TYPES["table_text"](Parcel) == PARCEL


def test_the_files_are_up_to_date() -> None:
    """The row types in the checkout are those of the models; when they are not, run 'make golden' and review."""
    assert ROW_TYPES["out_of_date"]() == []


def test_a_stale_a_missing_and_a_superfluous_file_are_named(tmp_path: Path) -> None:
    """The check names a file that differs, one that is not there and one that has no table any more."""
    ROW_TYPES["write"](tmp_path)
    assert ROW_TYPES["out_of_date"](tmp_path) == []
    folder = tmp_path / PACKAGE
    (folder / "users.py").write_text("class User: ...\n")
    (folder / "roles.py").unlink()
    (folder / "gone.py").write_text("class Gone: ...\n")
    assert ROW_TYPES["out_of_date"](tmp_path) == [PACKAGE / f"{name}.py" for name in ("gone", "roles", "users")]


def test_writing_makes_the_package_exact(tmp_path: Path) -> None:
    """Writing puts every file right, and a file whose table is gone goes too."""
    ROW_TYPES["write"](tmp_path)
    (tmp_path / PACKAGE / "gone.py").write_text("class Gone: ...\n")
    ROW_TYPES["write"](tmp_path)
    assert ROW_TYPES["present_files"](tmp_path) == EXPECTED
