"""Indexes that cost every write and give nothing, or do not hold what they should."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from fairlead.toolkit.doctor.finding import Check, Condition, Finding, Severity
from fairlead.toolkit.doctor.patient import Patient
from fairlead.toolkit.doctor.phrases import how_much

INVALID: Final = Condition(
    "index-invalid",
    Severity.WARNING,
    "The building of an index was broken off: it is written but never read, and a unique one keeps no promise.",
    "reindex index concurrently …; or, when a migration will make it again: drop index concurrently …;",
    at_worst=Severity.ERROR,
)
DUPLICATE: Final = Condition(
    "index-duplicate",
    Severity.WARNING,
    "Two indexes of a table are the same; each write pays for both.",
    "drop index concurrently …; and take it out of the models, if it is declared there.",
)
UNUSED: Final = Condition(
    "index-unused",
    Severity.NOTE,
    "A large index was never read since statistics are kept, on a table that was read many times. Standbys keep "
    "statistics of their own.",
    "Look at the standbys, too; then take it out of the models and drop it in a migration.",
)

_FOREIGN: Final = "n.nspname !~ '^pg_' and n.nspname <> 'information_schema'"


def _look_at_invalid(patient: Patient) -> Iterator[Finding]:
    rows = patient.rows(f"""
        select cast(cast(i.indexrelid as regclass) as text), cast(cast(i.indrelid as regclass) as text), i.indisunique
        from pg_index i join pg_class c on c.oid = i.indexrelid join pg_namespace n on n.oid = c.relnamespace
        where c.relkind = 'i' and not (i.indisvalid and i.indisready) and {_FOREIGN}
            and not exists (select from pg_stat_progress_create_index p where p.index_relid = i.indexrelid)
        order by 1
    """)  # noqa: S608 - our own text
    for index, table, unique in rows:
        yield INVALID.found(
            f"The {'unique ' if unique else ''}index {index} of {table} is not valid.",
            subject=index,
            remedy=f"reindex index concurrently {index}; or, when a migration will make it again: drop index "
            f"concurrently {index};",
            worst=unique,
        )


def _look_at_duplicates(patient: Patient) -> Iterator[Finding]:
    rows = patient.rows(f"""
        select cast(cast(min(i.indrelid) as regclass) as text),
            array_agg(cast(cast(i.indexrelid as regclass) as text)
                order by k.oid is null, i.indisunique desc, i.indexrelid) as names,
            sum(pg_relation_size(i.indexrelid)) - max(pg_relation_size(i.indexrelid)) as wasted
        from pg_index i
        join pg_class c on c.oid = i.indexrelid
        join pg_namespace n on n.oid = c.relnamespace
        left join pg_constraint k on k.conindid = i.indexrelid and k.contype in ('p', 'u', 'x')
        where {_FOREIGN} and i.indisvalid
        group by i.indrelid, c.relam, cast(i.indkey as text), cast(i.indclass as text), cast(i.indcollation as text),
            cast(i.indoption as text), i.indnkeyatts, coalesce(pg_get_expr(i.indexprs, i.indrelid), ''),
            coalesce(pg_get_expr(i.indpred, i.indrelid), '')
        having count(*) > 1 and count(*) > count(k.oid)
        order by 1, 2
    """)  # noqa: S608 - our own text
    for table, names, wasted in rows:
        yield DUPLICATE.found(
            f"The indexes {' and '.join(names)} of {table} are the same; {how_much(wasted)} for nothing.",
            subject=names[-1],
            remedy=f"drop index concurrently {names[-1]}; and take it out of the models, if it is declared there.",
            indexes=list(names),
            bytes=int(wasted),
        )


def _look_at_unused(patient: Patient) -> Iterator[Finding]:
    rows = patient.rows(
        """
        select cast(cast(s.indexrelid as regclass) as text), cast(cast(s.relid as regclass) as text),
            pg_relation_size(s.indexrelid) as size, coalesce(t.seq_scan, 0) + coalesce(t.idx_scan, 0) as reads
        from pg_stat_user_indexes s
        join pg_stat_user_tables t on t.relid = s.relid
        join pg_index i on i.indexrelid = s.indexrelid
        where s.idx_scan = 0 and not i.indisunique and i.indisvalid
            and pg_relation_size(s.indexrelid) >= :least
            and coalesce(t.seq_scan, 0) + coalesce(t.idx_scan, 0) >= :reads
        order by size desc
        """,
        least=patient.limits.unused_index_bytes,
        reads=patient.limits.unused_index_reads,
    )
    for index, table, size, reads in rows:
        yield UNUSED.found(
            f"The index {index} ({how_much(size)}) was never read, {table} {reads:,} times.",
            subject=index,
            bytes=size,
            reads=reads,
        )


CHECKS: Final = (
    Check(_look_at_invalid, (INVALID,)),
    Check(_look_at_duplicates, (DUPLICATE,)),
    Check(_look_at_unused, (UNUSED,)),
)
