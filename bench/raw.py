"""The raw limit: pgbench, one client, running the engine's own statements and nothing else.

Enqueue is ENQUEUE with its items read from a table of texts made before (so they are parsed as a parameter's would
be). Claim + complete is CLAIM wrapped to aggregate its rows to reports, then COMPLETE with those reports: two
transactions a batch; each claim starts above the one before, as a worker's does. What is missing against ours: Python,
the two statements around each transaction that set its scope and commit it, choosing the queues, and sending claimed
rows to a client.
"""

from __future__ import annotations

import asyncio

import psycopg

from bench.answers import value
from bench.contender import Contender, Load, Measurements, TurnFailedError
from bench.peers.common import BATCH, PAYLOAD
from bench.pgbench import script_rate
from bench.statements import FLEET_CLAIM, REPORTS, SOURCES, aggregated, for_pgbench
from fairlead.db.connect import DatabaseOptions
from fairlead.db.migrate import migrate
from fairlead.db.session import Database
from fairlead.db.tenancy import system
from fairlead.domain.ids import new_ids
from fairlead.engine.complete import COMPLETE
from fairlead.engine.enqueue import ENQUEUE, NewItem, parameters
from fairlead.schema.row_security import APP_ROLE, SYSTEM_ROLE
from fairlead.services.trials import Trial, make_trial

_CLAIM_ITEMS = 500
_QUEUE = "drain"
_STAGE = f"""
create schema bench;
create table bench.batches (number integer primary key, items text not null);
alter table bench.batches alter column items set storage external;
grant usage on schema bench to {APP_ROLE};
grant select on bench.batches to {APP_ROLE};
"""
_ENQUEUE_SCRIPT = "\\set number :number + 1\n{enqueue};\n"
_DRAIN_SCRIPT = "{claim} \\gset\n{complete};\n"


def _measure(url: str, load: Load) -> Measurements:
    migrate(url)
    trial = asyncio.run(_trial(url))
    _stage(url, trial, load.items)
    staged = "(select items from bench.batches where number = :number)::jsonb"
    bulk = _ENQUEUE_SCRIPT.format(enqueue=for_pgbench(ENQUEUE, items=staged))
    claim = aggregated(for_pgbench(FLEET_CLAIM, sources=SOURCES), REPORTS)
    drain = _DRAIN_SCRIPT.format(claim=claim, complete=for_pgbench(COMPLETE))
    bulk_rate = _rate(url, trial, bulk, role=APP_ROLE, times=load.items // BATCH) * BATCH
    drain_rate = _rate(url, trial, drain, role=SYSTEM_ROLE, times=load.items // _CLAIM_ITEMS) * _CLAIM_ITEMS
    _check_finished(url, load.items)
    return {"bulk": bulk_rate, "drain": drain_rate}


async def _trial(url: str) -> Trial:
    database = Database(DatabaseOptions(url=url))
    try:
        queues = {_QUEUE: {"max_concurrency": None}}
        return await make_trial(database, system("a benchmark"), name="Raw limit", queues=queues)
    finally:
        await database.close()


def _stage(url: str, trial: Trial, items: int) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(_STAGE)
        with connection.cursor().copy("copy bench.batches from stdin") as copy:
            for number in range(1, items // BATCH + 1):
                batch = [NewItem(id=item_id, payload=PAYLOAD) for item_id in new_ids(BATCH)]
                copy.write_row((number, parameters(trial.scope, trial.queues[_QUEUE], batch)["items"]))


def _rate(url: str, trial: Trial, script: str, *, role: str, times: int) -> float:
    organization_id = trial.scope.organization_id
    variables: dict[str, str | int] = {
        "organization_id": organization_id,
        "queue_id": trial.queues[_QUEUE],
        "worker_id": "raw",
        "take": _CLAIM_ITEMS,
        "above": 0,
        "number": 0,
    }
    own = organization_id if role == APP_ROLE else ""
    return script_rate(url, script, role=role, organization_id=own, times=times, variables=variables)


def _check_finished(url: str, items: int) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(f"set role {SYSTEM_ROLE}")
        done = value(connection, "select count(*) from queue_items where status = 'completed'")
    if done != items:
        raise TurnFailedError(f"{done} of {items} items were completed")


RAW = Contender(
    name="raw",
    how="pgbench, 1 client, prepared, the engine's own statements: ENQUEUE of 1,000 items read as text from a table; "
    f"CLAIM of {_CLAIM_ITEMS} (each above the last) aggregated to reports in the server, then COMPLETE of them, a "
    "transaction each; without Python, scopes, choosing queues, and sending claimed rows to a client",
    measure=_measure,
)
