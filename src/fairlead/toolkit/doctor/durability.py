"""Whether what was accepted is kept: the settings and the tables that lose it when the server or the machine dies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from fairlead.toolkit.doctor.finding import Check, Condition, Finding, Severity
from fairlead.toolkit.doctor.installation import UNLOGGED_TABLES
from fairlead.toolkit.doctor.patient import Patient

FSYNC_OFF: Final = Condition(
    "fsync-off",
    Severity.ERROR,
    "Nothing is forced to disk: after a crash of the machine the whole database may be beyond repair.",
    "alter system set fsync = on; select pg_reload_conf();",
)
FULL_PAGE_WRITES_OFF: Final = Condition(
    "full-page-writes-off",
    Severity.ERROR,
    "A page that was half written when the machine died cannot be mended.",
    "alter system set full_page_writes = on; select pg_reload_conf();",
)
SYNCHRONOUS_COMMIT_OFF: Final = Condition(
    "synchronous-commit-off",
    Severity.ERROR,
    "A commit is answered before it is on disk: an enqueue that was answered can be lost.",
    "Set synchronous_commit to on where it is off: in postgresql.conf, for the database (alter database … reset "
    "synchronous_commit) or for the login (alter role … reset synchronous_commit).",
)
UNLOGGED: Final = Condition(
    "table-unlogged",
    Severity.ERROR,
    "An unlogged table is emptied by a crash, and is not on standbys.",
    "alter table … set logged;",
)


def _look_at_settings(patient: Patient) -> Iterator[Finding]:
    settings = patient.settings("fsync", "full_page_writes", "synchronous_commit")
    for condition, name in (
        (FSYNC_OFF, "fsync"),
        (FULL_PAGE_WRITES_OFF, "full_page_writes"),
        (SYNCHRONOUS_COMMIT_OFF, "synchronous_commit"),
    ):
        if settings[name] == "off":
            yield condition.found(f"{name} is off.", subject=name, value="off")


def _look_at_tables(patient: Patient) -> Iterator[Finding]:
    unlogged = patient.rows("""
        select cast(cast(c.oid as regclass) as text) as name
        from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where c.relpersistence = 'u' and c.relkind in ('r', 'p', 'm')
            and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
        order by 1
    """)
    for (name,) in unlogged:
        if name in UNLOGGED_TABLES:
            continue
        yield UNLOGGED.found(f"The table {name} is unlogged.", subject=name, remedy=f"alter table {name} set logged;")


CHECKS: Final = (
    Check(_look_at_settings, (FSYNC_OFF, FULL_PAGE_WRITES_OFF, SYNCHRONOUS_COMMIT_OFF)),
    Check(_look_at_tables, (UNLOGGED,)),
)
