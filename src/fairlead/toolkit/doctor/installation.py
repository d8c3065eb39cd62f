"""What the doctor knows of Fairlead's own schema: its roles, its tables, and which of them are always in use."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, text

from fairlead.schema import metadata
from fairlead.schema.queue_items import FINISHED_LEAF, LIVE_LEAF
from fairlead.schema.row_security import APP_ROLE, ROLES, SYSTEM_ROLE
from fairlead.services.mails import MAIL_ORGANIZATION, MAIL_QUEUE
from fairlead.toolkit.doctor.finding import CannotLook
from fairlead.toolkit.doctor.patient import Patient
from fairlead.toolkit.target import OWN, Target, own

__all__ = [
    "APP_ROLE",
    "HOT",
    "MAIL_ORGANIZATION",
    "MAIL_QUEUE",
    "ROLES",
    "TABLES",
    "UNLOGGED_TABLES",
    "need_installation",
    "need_tables",
    "see_all_organizations",
    "targets_beside",
]

TABLES: Final = (*metadata.tables, LIVE_LEAF, FINISHED_LEAF)
UNLOGGED_TABLES: Final = ("buckets",)  # what a crash takes from it is only the counts of attempts
HOT: Final = (LIVE_LEAF, "item_counters", "slots", "depth_turns", "ordering_turns", "unique_periods", "duties")


def targets_beside(connection: Connection, declared: Target) -> tuple[Target, ...]:
    """Return whose migrations are examined: Fairlead's, unless the database is another application's alone, and its."""
    if declared.name == OWN:
        return (declared,)
    with connection.begin():
        installed = connection.execute(text("select to_regclass('public.queue_items') is not null")).scalar_one()
    return (own(), declared) if installed else (declared,)


def need_installation(patient: Patient) -> None:
    """Raise CannotLook where Fairlead is not meant to be."""
    if all(target.name != OWN for target in patient.targets):
        raise CannotLook("Fairlead is not installed in this database, which is another application's.")


def need_tables(patient: Patient) -> None:
    """Raise CannotLook where Fairlead's tables are not."""
    need_installation(patient)
    if not patient.value("select to_regclass('public.queue_items') is not null"):
        raise CannotLook("Fairlead's tables are not in this database; run 'fairlead db migrate'.")


def see_all_organizations(patient: Patient) -> None:
    """Go on as the role that row security shows every organization's rows, until the check is over.

    Raises CannotLook where the tables are not.
    """
    need_tables(patient)
    patient.run(f"set local role {SYSTEM_ROLE}")
