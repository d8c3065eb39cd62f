"""The engine's own statements outside the engine: some parameters replaced by SQL, and what the others are given.

Here is all that the benchmark knows of what they bind; a field that a statement does not read does no harm.
"""

from __future__ import annotations

import re

from fairlead.db.statement import Statement
from fairlead.domain.limits import PRIORITY
from fairlead.engine import claim

LEASE_SECONDS = 30
# What a worker claims with: from where it claimed last.
FLEET_CLAIM: Statement = getattr(claim, "CLAIM_WALKS", claim.CLAIM)
_PARAMETER = re.compile(r"%\((\w+)\)s")

# One source of a claim, in pgbench's variables: from `above` on in the queue's order, as a worker's next claim goes on.
SOURCES = f"""
jsonb_build_array(jsonb_build_object(
    'place', 0, 'organization_id', :organization_id::text, 'queue_id', :queue_id::text, 'take', :take::integer,
    'lease_seconds', {LEASE_SECONDS}, 'walks', jsonb_build_array(jsonb_build_object(
        'lowest', -{PRIORITY}, 'highest', {PRIORITY}, 'above', :above::bigint))))
""".strip()

# What a completing statement is told of claimed rows, and where the next claim goes on.
REPORTS = """
coalesce(json_agg(json_build_object(
    'organization_id', organization_id, 'queue_id', queue_id, 'id', id, 'claims', claims, 'result', null)), '[]')
    as reports, coalesce(max(seq), 0) as above
""".strip()


def for_pgbench(statement: Statement, **expressions: str) -> str:
    """Return a statement's text with some parameters replaced by an expression; the rest become pgbench's."""
    return _PARAMETER.sub(lambda found: expressions.get(found[1], f":{found[1]}"), _text(statement))


def for_psycopg(statement: Statement, **expressions: str) -> str:
    """Return a statement's text with some parameters replaced by an expression; the rest are bound by their names."""
    text = statement.driver_text.decode().strip()
    return _PARAMETER.sub(lambda found: expressions.get(found[1], found[0]), text)


def aggregated(text: str, aggregates: str) -> str:
    """Return a statement that ends in a `select` with its rows aggregated, in the one statement still.

    It cannot be put into another's `with` as it is, for it changes rows. Its last `select` is the first that begins a
    line: those of its parts are indented. A row whose id is null says something else and is left out.
    """
    parts, found, rows = text.partition(")\nselect ")
    if not found:
        raise ValueError("The statement does not end in a select of its own.")
    return (
        f"{parts}),\nrow_returned as (\nselect {rows}\n)\nselect {aggregates}\nfrom row_returned where id is not null"
    )


def _text(statement: Statement) -> str:
    return statement.driver_text.decode().strip().replace("%%", "%")
