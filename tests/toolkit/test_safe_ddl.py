"""The statements of a change on tables that have rows, up and down."""

from __future__ import annotations

import pytest
from sqlalchemy import Column, ForeignKey, Integer, Text, func, text
from tests.fixtures.clinics import Clinic, clinic, models

from fairlead.errors import MigrationFailed

__all__ = ["clinic"]


@pytest.mark.parametrize(
    ("default", "got"),
    [("email", "email"), ("it's 5%", "it's 5%"), (text("lower('NONE')"), "none"), (func.concat("a%", "b"), "a%b")],
)
def test_empty_rows_get_the_default_as_it_is_meant(clinic: Clinic, default: object, got: str) -> None:
    """What becomes NOT NULL with a default is filled with just that: a string is a text and never a column."""
    phone: Column[str] = Column("phone", Text, nullable=False, server_default=default)  # type: ignore[arg-type]
    with clinic.changed(models(phone=phone)) as changed:
        assert changed.rows("select phone from owner order by id") == [("1",), (got,)]
        changed.take_back()


def test_constraints_without_a_name(clinic: Clinic) -> None:
    """A unique column and a foreign key that nobody named get PostgreSQL's names, by which the way down drops them."""
    code: Column[int] = Column("code", Integer, ForeignKey("owner.id"), unique=True)
    boss: Column[int] = Column("boss", ForeignKey("owner.id"))
    with clinic.changed(models(code, boss)) as changed:
        names = "select conname from pg_constraint where conrelid = 'owner'::regclass and contype in ('u', 'f')"
        assert sorted(changed.rows(names)) == [("owner_boss_fkey",), ("owner_code_fkey",), ("owner_code_key",)]
        assert clinic.generated(models(code, boss)) == []
        changed.take_back()


def test_a_foreign_key_without_a_name_changes(clinic: Clinic) -> None:
    """What PostgreSQL named is found again when it changes, and is not only dropped."""
    owner: Column[int] = Column("owner_id", ForeignKey("owner.id", ondelete="CASCADE"), nullable=False)
    with clinic.changed(models(pet=(owner,))) as changed:
        done = "select confdeltype::text from pg_constraint where conname = 'pet_owner_id_fkey'"
        assert changed.rows(done) == [("c",)]
        changed.take_back()


@pytest.mark.parametrize(("numbered", "left"), [((), []), (("year", "number", "owner_id"), [(3,)])])
def test_a_unique_constraint_goes_or_changes(clinic: Clinic, numbered: tuple[str, ...], left: list[object]) -> None:
    """A named unique constraint is dropped, or replaced, and comes back."""
    with clinic.changed(models(numbered=numbered)) as changed:
        columns = "select cardinality(conkey) from pg_constraint where conname = 'invoice_number'"
        assert changed.rows(columns) == left
        changed.take_back()
        assert changed.rows(columns) == [(2,)]


def test_what_nothing_can_stand_for(clinic: Clinic) -> None:
    """A dropped column that is NOT NULL and refers to others comes back while there are no rows, and it is said."""
    with clinic.changed(models(pet=())) as changed:
        [warning] = [one for one in changed.drafts[0].warnings if "pet.owner_id" in one]
        assert "while its table has no rows" in warning
        with pytest.raises(MigrationFailed, match='column "owner_id" of relation "pet" contains null values'):
            changed.take_back()
        changed.do("delete from pet")
        changed.take_back()
