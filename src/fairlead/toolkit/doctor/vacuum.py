"""What keeps vacuum from removing dead rows, and whether it comes: a queue's table dies of dead rows before all else.

An old transaction, an abandoned replication slot and a forgotten prepared transaction each keep every row that was
deleted since, and each claim then reads over them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from fairlead.toolkit.doctor.finding import Check, Condition, Finding, Severity
from fairlead.toolkit.doctor.patient import Patient
from fairlead.toolkit.doctor.phrases import how_long, how_many, how_much

TRANSACTION_OLD: Final = Condition(
    "transaction-old",
    Severity.WARNING,
    "A transaction that runs for long keeps every row that died since it began.",
    "End it if it is not meant: select pg_terminate_backend(…);",
    at_worst=Severity.ERROR,
)
TRANSACTION_IDLE: Final = Condition(
    "transaction-idle",
    Severity.WARNING,
    "A transaction is open and its client does nothing: it keeps dead rows and its locks.",
    "End it: select pg_terminate_backend(…); and set idle_in_transaction_session_timeout for that login.",
    at_worst=Severity.ERROR,
)
SESSIONS_HIDDEN: Final = Condition(
    "sessions-hidden",
    Severity.NOTE,
    "How long the transactions of other logins are open cannot be seen by this one.",
    "Let an administrator run: grant pg_read_all_stats to …;",
)
PREPARED_OLD: Final = Condition(
    "prepared-transaction-old",
    Severity.WARNING,
    "A prepared transaction (two-phase commit) that nobody ends keeps dead rows and locks, also over a restart.",
    "End it: commit prepared '…' or rollback prepared '…';",
    at_worst=Severity.ERROR,
)
SLOT_UNUSED: Final = Condition(
    "replication-slot-unused",
    Severity.WARNING,
    "A replication slot that nobody reads keeps the write-ahead log, until the disk is full, and may keep dead rows.",
    "Bring its reader back, or remove it: select pg_drop_replication_slot('…');",
    at_worst=Severity.ERROR,
)
AUTOVACUUM_OFF: Final = Condition(
    "autovacuum-off",
    Severity.ERROR,
    "Nothing removes dead rows or renews the statistics.",
    "alter system set autovacuum = on; alter system set track_counts = on; select pg_reload_conf();",
)
AUTOVACUUM_OFF_TABLE: Final = Condition(
    "autovacuum-off-for-table",
    Severity.WARNING,
    "Nothing removes the dead rows of this table.",
    "alter table … reset (autovacuum_enabled);",
)
DEAD_ROWS: Final = Condition(
    "dead-rows",
    Severity.WARNING,
    "A table has more dead rows than living ones: vacuum is held back, or does not keep up.",
    "See what is said of old transactions and slots; then vacuum …; and lower autovacuum_vacuum_cost_delay.",
)
WRAPAROUND: Final = Condition(
    "wraparound-near",
    Severity.WARNING,
    "Vacuum has not frozen old rows for too long; at the end the server takes no more writes.",
    "Find what holds vacuum back (above), then run, as a superuser: vacuum (freeze);",
    at_worst=Severity.ERROR,
)

_LAST_TRANSACTION: Final = 2_146_483_648  # about where the server refuses to go on
_WORST_WRAPAROUND: Final = 0.8


def _look_at_sessions(patient: Patient) -> Iterator[Finding]:
    sessions = patient.rows("""
        select pid, usename, application_name, state like 'idle in transaction%' as idle,
            extract(epoch from statement_timestamp() - xact_start) as open_for,
            extract(epoch from statement_timestamp() - state_change) as idle_for
        from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid() and xact_start is not null
        order by xact_start
    """)
    limits = patient.limits
    for session in sessions:
        who = f"The transaction of process {session.pid} ({session.usename}, {session.application_name or 'no name'})"
        remedy = f"End it if it is not meant: select pg_terminate_backend({session.pid});"
        if session.idle and session.idle_for > limits.idle_seconds:
            yield TRANSACTION_IDLE.found(
                f"{who} is open and has done nothing for {how_long(session.idle_for)}.",
                subject=str(session.pid),
                remedy=f"{remedy} Set idle_in_transaction_session_timeout for {session.usename}.",
                worst=session.idle_for > limits.idle_seconds * limits.worse_by,
                seconds=float(session.idle_for),
            )
        if session.open_for > limits.transaction_seconds:
            yield TRANSACTION_OLD.found(
                f"{who} is open for {how_long(session.open_for)}.",
                subject=str(session.pid),
                remedy=remedy,
                worst=session.open_for > limits.transaction_seconds * limits.worse_by,
                seconds=float(session.open_for),
            )


def _look_at_hidden_sessions(patient: Patient) -> Iterator[Finding]:
    hidden = patient.value("""
        select count(*) from pg_stat_activity
        where datname = current_database() and query = '<insufficient privilege>'
    """)
    if hidden:
        login = patient.value("select session_user")
        yield SESSIONS_HIDDEN.found(
            f"What {how_many(hidden, 'session')} of other logins do cannot be seen.",
            remedy=f'Let an administrator run: grant pg_read_all_stats to "{login}";',
            sessions=hidden,
        )


def _look_at_prepared(patient: Patient) -> Iterator[Finding]:
    rows = patient.rows("""
        select gid, owner, extract(epoch from statement_timestamp() - prepared) as seconds
        from pg_prepared_xacts where database = current_database() order by prepared
    """)
    for gid, owner, seconds in rows:
        if seconds > patient.limits.prepared_seconds:
            yield PREPARED_OLD.found(
                f"The transaction {gid!r} of {owner} is prepared for {how_long(seconds)}.",
                subject=gid,
                remedy=f"End it, in this database: commit prepared '{gid}'; or rollback prepared '{gid}';",
                worst=seconds > patient.limits.prepared_seconds * patient.limits.worse_by,
                seconds=float(seconds),
            )


def _look_at_slots(patient: Patient) -> Iterator[Finding]:
    slots = patient.rows("""
        select slot_name, coalesce(wal_status, '') in ('unreserved', 'lost') as lost,
            case when pg_is_in_recovery() then null else pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn) end as kept,
            greatest(age(xmin), age(catalog_xmin)) as transactions
        from pg_replication_slots where not active and not temporary order by 1
    """)
    for name, lost, kept, transactions in slots:
        held = f" and the rows that died in {transactions:,} transactions" if transactions else ""
        yield SLOT_UNUSED.found(
            f"Nobody reads the replication slot {name}; it keeps {how_much(kept or 0)} of the write-ahead log{held}.",
            subject=name,
            remedy=f"Bring its reader back, or remove it: select pg_drop_replication_slot('{name}');",
            worst=lost or (kept or 0) > patient.limits.slot_bytes,
            bytes=int(kept or 0),
            transactions=transactions or 0,
        )


def _look_at_autovacuum(patient: Patient) -> Iterator[Finding]:
    for name, value in patient.settings("autovacuum", "track_counts").items():
        if value == "off":
            yield AUTOVACUUM_OFF.found(f"{name} is off.", subject=name)
    tables = patient.rows("""
        select cast(cast(c.oid as regclass) as text) from pg_class c
        where c.relkind in ('r', 'm') and c.reloptions && array['autovacuum_enabled=false', 'autovacuum_enabled=off']
        order by 1
    """)
    for (table,) in tables:
        yield AUTOVACUUM_OFF_TABLE.found(
            f"Autovacuum is off for the table {table}.",
            subject=table,
            remedy=f"alter table {table} reset (autovacuum_enabled);",
        )


def _look_at_dead_rows(patient: Patient) -> Iterator[Finding]:
    tables = patient.rows(
        """
        select cast(cast(relid as regclass) as text) as name, n_dead_tup, n_live_tup,
            greatest(last_vacuum, last_autovacuum) as vacuumed
        from pg_stat_user_tables where n_dead_tup > greatest(n_live_tup, :most) order by n_dead_tup desc
        """,
        most=patient.limits.dead_rows,
    )
    for table, dead, living, vacuumed in tables:
        last = f"last vacuumed {vacuumed:%Y-%m-%d %H:%M}" if vacuumed else "never vacuumed"
        yield DEAD_ROWS.found(
            f"The table {table} has {dead:,} dead rows beside {living:,} living ones, and was {last}.",
            subject=table,
            remedy=f"See what is said of old transactions and slots; then vacuum {table};",
            dead=dead,
            living=living,
        )


def _look_at_wraparound(patient: Patient) -> Iterator[Finding]:
    age, multixacts = patient.rows("""
        select age(datfrozenxid), mxid_age(datminmxid) from pg_database where datname = current_database()
    """)[0]
    share = max(age, multixacts) / _LAST_TRANSACTION
    if share > patient.limits.wraparound_share:
        yield WRAPAROUND.found(
            f"Rows of up to {max(age, multixacts):,} transactions ago are not frozen; writes end at "
            f"{_LAST_TRANSACTION:,}.",
            worst=share > _WORST_WRAPAROUND,
            transactions=age,
            multixacts=multixacts,
        )


CHECKS: Final = (
    Check(_look_at_sessions, (TRANSACTION_OLD, TRANSACTION_IDLE)),
    Check(_look_at_hidden_sessions, (SESSIONS_HIDDEN,)),
    Check(_look_at_prepared, (PREPARED_OLD,)),
    Check(_look_at_slots, (SLOT_UNUSED,)),
    Check(_look_at_autovacuum, (AUTOVACUUM_OFF, AUTOVACUUM_OFF_TABLE)),
    Check(_look_at_dead_rows, (DEAD_ROWS,)),
    Check(_look_at_wraparound, (WRAPAROUND,)),
)
