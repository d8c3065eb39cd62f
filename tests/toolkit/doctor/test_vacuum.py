from __future__ import annotations

from dataclasses import replace

import psycopg
import pytest
from tests.fixtures.databases import LOGIN
from tests.fixtures.doctor import OWNER, do, examined, held_open, only, superuser_of

from fairlead.db.embedded import EmbeddedServer
from fairlead.toolkit.doctor import vacuum
from fairlead.toolkit.doctor.finding import Report, Severity
from fairlead.toolkit.doctor.patient import Limits

PATIENT = Limits(transaction_seconds=1e6, idle_seconds=1e6)


def _codes(report: Report) -> set[str]:
    return {finding.code for finding in report.findings}


@pytest.mark.parametrize(("worse_by", "severity"), [(1e9, Severity.WARNING), (1, Severity.ERROR)])
def test_a_transaction_that_is_open_for_long(fresh_url: str, worse_by: float, severity: Severity) -> None:
    """A transaction beyond the limit is found by its process's number, and is worse the longer it is open."""
    with held_open(fresh_url) as connection:
        limits = replace(PATIENT, transaction_seconds=1e-6, worse_by=worse_by)
        finding = only(examined(fresh_url, vacuum, limits=limits), "transaction-old", severity=severity)
        assert finding.subject == str(connection.info.backend_pid)
        assert examined(fresh_url, vacuum).findings == ()


def test_a_client_that_does_nothing_in_its_transaction(fresh_url: str) -> None:
    """An idle transaction is found; the remedy names its process and ends it."""
    with psycopg.connect(fresh_url) as connection:
        connection.execute("select 1")
        finding = only(
            examined(fresh_url, vacuum, limits=replace(PATIENT, idle_seconds=1e-6)),
            "transaction-idle",
            severity=Severity.ERROR,
        )
        do(fresh_url, finding.remedy.partition(": ")[2].partition(";")[0])
        with pytest.raises(psycopg.OperationalError):
            connection.execute("select 1")
    assert examined(fresh_url, vacuum, limits=replace(PATIENT, idle_seconds=1e-6)).findings == ()


def test_sessions_that_cannot_be_seen(server_url: str, fresh_url: str) -> None:
    """Where another login's sessions are hidden this is said, instead of taking them for fine."""
    with held_open(superuser_of(server_url, fresh_url)):
        finding = only(examined(fresh_url, vacuum), "sessions-hidden", severity=Severity.NOTE)
        assert finding.values == {"sessions": 1}
        assert LOGIN in finding.remedy


def test_a_prepared_transaction_that_nobody_ends(bad_server: EmbeddedServer) -> None:
    """A prepared transaction is found by its name; what the remedy says ends it."""
    do(bad_server.url, "begin", "select pg_current_xact_id()", "prepare transaction 'forgotten'")
    report = examined(bad_server.url, vacuum, limits=Limits(prepared_seconds=0))
    found = {finding.code: finding for finding in report.findings}
    assert found["prepared-transaction-old"].subject == "forgotten"
    assert found["prepared-transaction-old"].severity is Severity.ERROR
    do(bad_server.url, found["prepared-transaction-old"].remedy.rpartition(" or ")[2])
    report = examined(bad_server.url, vacuum, limits=Limits(prepared_seconds=0))
    assert _codes(report) == {"autovacuum-off"}


@pytest.mark.parametrize(("most", "severity"), [(1 << 40, Severity.WARNING), (0, Severity.ERROR)])
def test_a_replication_slot_that_nobody_reads(bad_server: EmbeddedServer, most: int, severity: Severity) -> None:
    """An unused slot is a warning, and an error when it keeps much of the log; the remedy removes it."""
    do(bad_server.superuser_url, "select pg_create_physical_replication_slot('gone', true)", "select pg_switch_wal()")
    report = examined(bad_server.url, vacuum, limits=Limits(slot_bytes=most))
    found = {finding.code: finding for finding in report.findings}["replication-slot-unused"]
    assert (found.subject, found.severity) == ("gone", severity)
    do(bad_server.superuser_url, found.remedy.rpartition(": ")[2])
    assert _codes(examined(bad_server.url, vacuum)) == {"autovacuum-off"}


def test_a_server_without_autovacuum(bad_server: EmbeddedServer) -> None:
    """A server that never vacuums is an error."""
    only(examined(bad_server.url, vacuum), "autovacuum-off", severity=Severity.ERROR, subject="autovacuum")


@pytest.mark.parametrize("value", ["false", "off"])
def test_a_table_without_autovacuum(fresh_url: str, value: str) -> None:
    """A table that is never vacuumed is found however that is written, and the remedy brings it back."""
    do(fresh_url, f"alter table slots set (autovacuum_enabled = {value})", role=OWNER)
    finding = only(examined(fresh_url, vacuum), "autovacuum-off-for-table", severity=Severity.WARNING, subject="slots")
    do(fresh_url, finding.remedy, role=OWNER)
    assert examined(fresh_url, vacuum).findings == ()


def test_a_table_of_dead_rows(bad_server: EmbeddedServer) -> None:
    """More dead rows than living ones are found, with their number; after a vacuum they are not."""
    do(
        bad_server.url,
        "create table heap as select n from generate_series(1, 1000) n",
        "delete from heap where n > 10",
        "select pg_stat_force_next_flush()",
    )
    limits = Limits(dead_rows=500)
    found = {finding.code: finding for finding in examined(bad_server.url, vacuum, limits=limits).findings}["dead-rows"]
    assert (found.subject, found.values, found.severity) == ("heap", {"dead": 990, "living": 10}, Severity.WARNING)
    do(bad_server.url, "vacuum heap", "select pg_stat_force_next_flush()")
    assert "dead-rows" not in _codes(examined(bad_server.url, vacuum, limits=limits))
    do(bad_server.url, "drop table heap")


def test_rows_that_are_not_frozen(fresh_url: str) -> None:
    """How far the oldest row is from the end of transaction numbers is measured against a share of them."""
    do(fresh_url, *["select pg_current_xact_id()"] * 3)
    finding = only(
        examined(fresh_url, vacuum, limits=Limits(wraparound_share=1e-9)), "wraparound-near", severity=Severity.WARNING
    )
    assert finding.values["transactions"] >= 3
