from __future__ import annotations

import psycopg
import pytest
from tests.fixtures.doctor import do, examined, only

from fairlead.toolkit.doctor import indexes
from fairlead.toolkit.doctor.finding import Severity
from fairlead.toolkit.doctor.patient import Limits


def test_an_index_whose_building_was_broken_off(fresh_url: str) -> None:
    """A unique index that could not be built is an error: it is there and keeps nothing unique."""
    do(fresh_url, "create table twins as select 1 as id from generate_series(1, 2)")
    with pytest.raises(psycopg.errors.UniqueViolation):
        do(fresh_url, "create unique index concurrently twins_idx on twins (id)")
    only(examined(fresh_url, indexes), "index-invalid", severity=Severity.ERROR, subject="twins_idx")


def test_the_same_index_twice(fresh_url: str) -> None:
    """Two equal indexes are found and the one that no constraint needs is to go; another order or condition is not."""
    do(
        fresh_url,
        "create table pairs (a int primary key, b int)",
        "create index pairs_b on pairs (b)",
        "create index pairs_b_down on pairs (b desc)",
        "create index pairs_b_some on pairs (b) where a > 1",
        "create index pairs_ba on pairs (b, a)",
        "create index pairs_b_with on pairs (b) include (a)",
    )
    assert examined(fresh_url, indexes).findings == ()
    do(fresh_url, "create unique index pairs_again on pairs (a)")
    finding = only(examined(fresh_url, indexes), "index-duplicate", severity=Severity.WARNING, subject="pairs_again")
    assert finding.values["indexes"] == ["pairs_pkey", "pairs_again"]
    do(fresh_url, finding.remedy.partition(";")[0])
    assert examined(fresh_url, indexes).findings == ()


def test_an_index_that_nobody_reads(fresh_url: str) -> None:
    """A large index that was never read, of a table that was, is a note."""
    do(fresh_url, "create table read as select n from generate_series(1, 5000) n", "create index read_idx on read (n)")
    do(fresh_url, "set enable_indexscan = off; set enable_bitmapscan = off; set enable_indexonlyscan = off")
    do(fresh_url, *["select count(*) from read where n % 2 = 0"] * 10, "select pg_stat_force_next_flush()", "select 1")
    limits = Limits(unused_index_bytes=8192, unused_index_reads=10)
    only(examined(fresh_url, indexes, limits=limits), "index-unused", severity=Severity.NOTE, subject="read_idx")
    do(fresh_url, "set enable_seqscan = off", "select n from read where n = 7", "select pg_stat_force_next_flush()")
    assert examined(fresh_url, indexes, limits=limits).findings == ()
