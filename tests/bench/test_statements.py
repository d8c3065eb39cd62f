"""The engine's statements as pgbench runs them."""

from __future__ import annotations

import pytest
from bench.statements import FLEET_CLAIM, REPORTS, SOURCES, aggregated, for_pgbench, for_psycopg

from fairlead.db.statement import Statement

_STATEMENT = Statement("with a as (\n    select cast(:x as integer) as id, '100%' as s\n)\nselect a.* from a")


def test_parameters_become_pgbench_s_variables_or_expressions() -> None:
    """What is replaced is gone, what is not is a variable; a per cent sign is one again."""
    assert (
        for_pgbench(_STATEMENT)
        == "with a as (\n    select cast(:x as integer) as id, '100%' as s\n)\nselect a.* from a"
    )
    assert "select cast((7) as integer)" in for_pgbench(_STATEMENT, x="(7)")


def test_parameters_stay_bound_for_psycopg() -> None:
    """The driver's own text is kept, escapes and all."""
    assert for_psycopg(_STATEMENT).splitlines()[1] == "    select cast(%(x)s as integer) as id, '100%%' as s"


def test_a_statement_is_aggregated_where_it_ends() -> None:
    """The parts stay at the top level, where alone they may change rows."""
    text = aggregated("with a as (\n    select 1 as id\n)\nselect a.* from a\nunion all\nselect null", "count(*)")
    assert text.startswith("with a as (\n    select 1 as id\n),\nrow_returned as (\nselect a.* from a\nunion all")
    assert text.endswith("select count(*)\nfrom row_returned where id is not null")


def test_a_statement_without_a_select_of_its_own_is_refused() -> None:
    """Nothing is measured by mistake."""
    with pytest.raises(ValueError, match="does not end"):
        aggregated("delete from a returning id", "count(*)")


def test_the_fleet_s_claim_can_be_aggregated() -> None:
    """The engine's claim still has the form that the raw limit needs."""
    assert "row_returned" in aggregated(for_pgbench(FLEET_CLAIM, sources=SOURCES), REPORTS)
