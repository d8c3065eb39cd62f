"""What a comparison takes for a loss and a person for something else: moves, renames, conversions."""

from __future__ import annotations

import pytest
from sqlalchemy import Column, Enum
from tests.fixtures.clinics import Clinic, clinic, models

from fairlead.errors import DecisionNeeded
from fairlead.toolkit.hints import Hints

__all__ = ["clinic"]

INVOICES = [(1, 2026, 1), (2, 2026, 2)]


def test_a_table_in_another_schema_is_a_question(clinic: Clinic) -> None:
    """A table that comes in under another schema may have moved with its rows: nobody drops it unasked."""
    with pytest.raises(DecisionNeeded) as raised:
        clinic.generated(models(invoices="invoice"))
    assert raised.value.details == {
        "billing.invoice": "--rename billing.invoice=public.invoice or --allow-drop billing.invoice"
    }


@pytest.mark.parametrize(
    ("invoices", "hint", "schemas", "done"),
    [
        ("invoice", "public.invoice", (), ["alter table billing.invoice set schema public"]),
        ("invoice", "invoice", (), ["alter table billing.invoice set schema public"]),
        (
            "archive.bill",
            "archive.bill",
            ("archive",),
            [
                "create schema archive",
                "alter table billing.invoice set schema archive",
                "alter table archive.invoice rename to bill",
            ],
        ),
    ],
)
def test_a_table_moves_with_its_rows(
    clinic: Clinic, invoices: str, hint: str, schemas: tuple[str, ...], done: list[str]
) -> None:
    """A move is answered like a rename, also to a schema that is made for it, keeps every row, and is taken back."""
    hints = Hints(renames={"billing.invoice": hint})
    with clinic.changed(models(invoices=invoices), *schemas, hints=hints) as changed:
        assert list(changed.drafts[0].up.together[: len(done)]) == done
        assert changed.rows(f"select owner_id, year, number from {invoices} order by id") == INVOICES  # noqa: S608 - ours
        changed.take_back()
        assert changed.rows("select owner_id, year, number from billing.invoice order by id") == INVOICES


def test_an_enum_under_another_name_is_a_question(clinic: Clinic) -> None:
    """A type that goes while another comes in may be renamed, and it says what to pass."""
    with pytest.raises(DecisionNeeded) as raised:
        clinic.generated(models(species="kind"))
    assert raised.value.details == {"species": "--rename species=kind or --allow-drop species"}


@pytest.mark.parametrize(
    ("species", "hints", "begins"),
    [
        ("kind", Hints(renames={"species": "kind"}), "alter type species rename to kind"),
        ("kind", Hints(drops=frozenset({"species"}), casts={"pet.species": "species::text::kind"}), "create type kind"),
    ],
)
def test_an_enum_gets_another_name(clinic: Clinic, species: str, hints: Hints, begins: str) -> None:
    """A renamed type keeps what its columns hold and their default; said to be another it is made and converted to."""
    with clinic.changed(models(species=species), hints=hints) as changed:
        assert changed.drafts[0].up.together[0].startswith(begins)
        assert changed.rows("select species::text from pet order by id") == [("cat",), ("dog",)]
        changed.take_back()
        assert changed.rows("select species::text from pet order by id") == [("cat",), ("dog",)]


def test_a_text_becomes_a_new_enum(clinic: Clinic) -> None:
    """To a type that the same change makes nothing converts by itself: that is a question like any other."""
    line: Column[str] = Column("phone", Enum("1", "2", name="phone_line"))
    with pytest.raises(DecisionNeeded) as raised:
        clinic.generated(models(phone=line))
    assert raised.value.details == {
        "owner.phone": 'PostgreSQL does not convert it by itself. Pass --cast "owner.phone=phone::phone_line".'
    }
    with clinic.changed(models(phone=line), hints=Hints(casts={"owner.phone": "phone::phone_line"})) as changed:
        assert changed.rows("select phone::text from owner order by id") == [("1",), (None,)]
        changed.take_back()
