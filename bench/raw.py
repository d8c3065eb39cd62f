"""The raw limit: pgbench, one client, running the engine's own statements and nothing else.

Enqueue is ENQUEUE with its items read from a table of texts made before (so they are parsed as a parameter's would
be). Claim + complete is CLAIM wrapped to aggregate its rows to reports, then COMPLETE with those reports: two
transactions a batch. What is missing against ours: Python, the two statements around each transaction that set its
scope and commit it, choosing the queues, and sending claimed rows to a client.
"""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
from pathlib import Path

import psycopg

from bench.contender import Contender, Load, Measurements, TurnFailedError, output_of
from bench.peers.common import BATCH, PAYLOAD
from fairlead.db.connect import DatabaseOptions
from fairlead.db.embedded import binary
from fairlead.db.migrate import migrate
from fairlead.db.session import Database
from fairlead.db.statement import Statement
from fairlead.db.tenancy import system
from fairlead.domain.ids import new_ids
from fairlead.engine.claim import CLAIM
from fairlead.engine.complete import COMPLETE
from fairlead.engine.enqueue import ENQUEUE, NewItem, parameters
from fairlead.schema.row_security import APP_ROLE, ORGANIZATION_SETTING, SYSTEM_ROLE
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
_SOURCES = f"""jsonb_build_array(jsonb_build_object(
    'organization_id', :organization_id::text, 'queue_id', :queue_id::text, 'take', {_CLAIM_ITEMS}))"""
_ENQUEUE_SCRIPT = "\\set number :number + 1\n{enqueue};\n"
_DRAIN_SCRIPT = r"""
with claimed as (
{claim}
)
select json_agg(json_build_object('organization_id', organization_id, 'id', id, 'claims', claims)) as reports
from claimed \gset
{complete};
"""
_PARAMETER = re.compile(r"%\((\w+)\)s")
_TPS = re.compile(r"^tps = ([0-9.]+)", re.MULTILINE)


def _measure(url: str, load: Load) -> Measurements:
    migrate(url)
    trial = asyncio.run(_trial(url))
    _stage(url, trial, load.items)
    bulk = _ENQUEUE_SCRIPT.format(
        enqueue=_text(ENQUEUE, items="(select items from bench.batches where number = :number)::jsonb")
    )
    drain = _DRAIN_SCRIPT.format(claim=_text(CLAIM, sources=_SOURCES), complete=_text(COMPLETE, results="'{}'"))
    bulk_rate = _pgbench(url, trial, bulk, role=APP_ROLE, times=load.items // BATCH) * BATCH
    drain_rate = _pgbench(url, trial, drain, role=SYSTEM_ROLE, times=load.items // _CLAIM_ITEMS) * _CLAIM_ITEMS
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


def _text(statement: Statement, **values: str) -> str:
    """Return a statement's text with some of its parameters replaced by an expression; the rest become pgbench's."""
    text = statement.driver_text.decode().strip().replace("%%", "%")
    return _PARAMETER.sub(lambda found: values.get(found[1], f":{found[1]}"), text)


def _pgbench(url: str, trial: Trial, script: str, *, role: str, times: int) -> float:
    """Return how often a second the script ran; prepared, one client."""
    variables = {
        "organization_id": trial.scope.organization_id,
        "queue_id": trial.queues[_QUEUE],
        "worker_id": "raw",
        "lease_seconds": 30,
        "number": 0,
    }
    options = f"-c role={role} -c {ORGANIZATION_SETTING}={trial.scope.organization_id if role == APP_ROLE else ''}"
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "script.sql"
        file.write_text(script)
        command = [binary("pgbench"), "--no-vacuum", "--protocol=prepared", "--client=1", f"--transactions={times}"]
        command += [f"--define={name}={value}" for name, value in variables.items()]
        printed = output_of([*command, f"--file={file}", url], {**os.environ, "PGOPTIONS": options})
    found = _TPS.search(printed)
    if found is None:
        raise TurnFailedError(f"pgbench printed no rate: {printed}")
    return float(found[1])


def _check_finished(url: str, items: int) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(f"set role {SYSTEM_ROLE}")
        done = connection.execute("select count(*) from queue_items where status = 'completed'").fetchone()[0]
    if done != items:
        raise TurnFailedError(f"{done} of {items} items were completed")


RAW = Contender(
    name="raw",
    how="pgbench, 1 client, prepared, the engine's own statements: ENQUEUE of 1,000 items read as text from a table; "
    f"CLAIM of {_CLAIM_ITEMS} aggregated to reports in the server, then COMPLETE of them, a transaction "
    "each; without Python, scopes, choosing queues, and sending claimed rows to a client",
    measure=_measure,
)
