"""Pages that hold nothing: tables and indexes that are much larger than what lives in them.

How wide a table's rows are is measured on a sample of its pages; the planner's statistics would say it, but are hidden
where row security is forced. Both measures are estimates: what they find is far from what it should be.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from fairlead.toolkit.doctor.finding import Check, Condition, Finding, Severity
from fairlead.toolkit.doctor.installation import HOT, need_tables, see_all_organizations
from fairlead.toolkit.doctor.patient import Patient
from fairlead.toolkit.doctor.phrases import how_much

TABLE_BLOATED: Final = Condition(
    "table-bloated",
    Severity.WARNING,
    "Most of the pages of a table that is always in use are empty; each look through it reads them.",
    "When vacuum is not held back any more: vacuum (full) …; locks the table, pg_repack does not.",
)
INDEX_BLOATED: Final = Condition(
    "index-bloated",
    Severity.WARNING,
    "An index of a table that is always in use takes far more room than its entries need.",
    "reindex index concurrently …;",
)

_SAMPLED_PAGES: Final = 200
_ROW_OVERHEAD: Final = 28  # bytes of a row beside its columns: the header and the pointer to it
_ROWS_AT_LEAST: Final = 1


def _look_at_tables(patient: Patient) -> Iterator[Finding]:
    see_all_organizations(patient)
    tables = patient.rows(
        """
        select c.relname, pg_relation_size(c.oid) as size,
            cast(greatest(s.n_live_tup, c.reltuples) as bigint) as rows,
            cast(current_setting('block_size') as int) as page
        from pg_class c join pg_stat_user_tables s on s.relid = c.oid
        where c.relname = any (:hot) and c.relnamespace = to_regnamespace('public')
            and pg_relation_size(c.oid) >= :least
        order by c.relname
        """,
        hot=list(HOT),
        least=patient.limits.bloat_bytes,
    )
    for table in tables:
        needed = table.rows * _row_bytes(patient, table)
        if needed < table.size * (1 - patient.limits.bloat_share):
            yield TABLE_BLOATED.found(
                f"The table {table.relname} takes {how_much(table.size)} for {table.rows:,} rows, which would fit into "
                f"{how_much(max(needed, table.page))}.",
                subject=table.relname,
                remedy=f"When vacuum is not held back any more: vacuum (full) {table.relname}; it locks the table, "
                "pg_repack does not.",
                bytes=table.size,
                needed=needed,
            )


def _row_bytes(patient: Patient, table: Any) -> int:
    """Return how much room a row takes, as far as a sample of the table's pages tells."""
    share = min(100.0, 100.0 * _SAMPLED_PAGES * table.page / table.size)
    width = patient.value(
        f"select avg(pg_column_size(t.*)) from {table.relname} t tablesample system (:share)",  # noqa: S608 - a name of ours
        share=share,
    )
    return int(width or 0) + _ROW_OVERHEAD


def _look_at_indexes(patient: Patient) -> Iterator[Finding]:
    need_tables(patient)
    indexes = patient.rows(
        """
        select x.relname as name, c.relname as relation, pg_relation_size(x.oid) as size,
            greatest(x.reltuples, s.n_live_tup, :rows) as entries
        from pg_index i
        join pg_class x on x.oid = i.indexrelid
        join pg_class c on c.oid = i.indrelid
        join pg_am m on m.oid = x.relam and m.amname = 'btree'
        join pg_stat_user_tables s on s.relid = c.oid
        where c.relname = any (:hot) and c.relnamespace = to_regnamespace('public')
            and pg_relation_size(x.oid) >= :least
        order by x.relname
        """,
        hot=list(HOT),
        least=patient.limits.bloat_bytes,
        rows=_ROWS_AT_LEAST,
    )
    for index in indexes:
        if index.size / index.entries > patient.limits.index_entry_bytes:
            yield INDEX_BLOATED.found(
                f"The index {index.name} of {index.relation} takes {how_much(index.size)} for at most "
                f"{int(index.entries):,} entries.",
                subject=index.name,
                remedy=f"reindex index concurrently {index.name};",
                bytes=index.size,
                entries=int(index.entries),
            )


CHECKS: Final = (Check(_look_at_tables, (TABLE_BLOATED,)), Check(_look_at_indexes, (INDEX_BLOATED,)))
