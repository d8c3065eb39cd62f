"""The proxy that counts a worker's statements."""

from __future__ import annotations

import psycopg
from bench.proxy import CountingProxy, Counts


def test_every_statement_on_the_wire_is_counted(process_url: str) -> None:
    """A message of three commands is one message and three statements; a prepared statement is one each time."""
    with CountingProxy(process_url) as proxy, psycopg.connect(proxy.url, autocommit=True) as connection:
        assert proxy.counts() == Counts(0, 0)
        connection.execute("begin; select 1; commit")
        assert proxy.counts() == Counts(1, 3)
        connection.execute("select %s::integer", (1,), prepare=True)
        connection.execute("select %s::integer", (2,), prepare=True)
        assert proxy.counts() == Counts(3, 5)
