"""What row security costs a claim: as the application's role, and as one that bypasses it."""

from __future__ import annotations

import psycopg
from sqlalchemy import make_url

from bench.answers import value
from bench.figures import Target
from bench.pgbench import script_rate
from bench.population import QueueKey, add_queues, settle, top_up
from bench.scenario import Ground, Outcome, Scenario, alternated, say
from bench.statements import REPORTS, SOURCES, aggregated, for_pgbench
from fairlead.engine.claim import CLAIM
from fairlead.schema.row_security import APP_ROLE

_TAKE = 100
_CLAIMS = 200
_LEAST_CLAIMS = 20
_ROUNDS = 5  # in each round of the benchmark: a claim is short
_APPLICATION, _BYPASSING = "application role", "bypassing role"
_BYPASSES = "select rolsuper or rolbypassrls from pg_roles where rolname = current_user"


def _measure(ground: Ground) -> Outcome:
    claims = ground.scaled(_CLAIMS, least=_LEAST_CLAIMS)
    seconds: dict[str, list[float]] = {_APPLICATION: [], _BYPASSING: []}
    with ground.database("security") as url:
        bypassing = make_url(ground.server.administrator_url).set(database=make_url(url).database)
        urls = {_APPLICATION: url, _BYPASSING: bypassing.render_as_string(hide_password=False)}
        if not _bypasses(urls[_BYPASSING]):
            return Outcome([], {}, ["NOT MEASURED: the administrator's login does not bypass row security."])
        queue = add_queues(url)[0]
        for round_number in range(ground.rounds * _ROUNDS):
            for name in alternated([_APPLICATION, _BYPASSING], round_number):
                top_up(url, queue, claims * _TAKE * 2)
                settle(url)
                seconds[name].append(_claim_seconds(urls[name], queue, claims, security=name == _APPLICATION))
    costs = [
        (application / bypass - 1) * 100
        for application, bypass in zip(seconds[_APPLICATION], seconds[_BYPASSING], strict=True)
    ]
    say(f"    {[round(cost, 1) for cost in costs]} %")
    title = f"row security: cost of a claim of {_TAKE} as the application role"
    return Outcome([Target(title, 10, at_most=True, unit="%").over(costs)], {"seconds_a_claim": seconds})


def _bypasses(url: str) -> bool:
    with psycopg.connect(url) as connection:
        return bool(value(connection, _BYPASSES))


def _claim_seconds(url: str, queue: QueueKey, claims: int, *, security: bool) -> float:
    script = f"{aggregated(for_pgbench(CLAIM, sources=SOURCES), REPORTS)} \\gset\n"
    variables: dict[str, str | int] = {
        "organization_id": queue.organization_id,
        "queue_id": queue.queue_id,
        "worker_id": "row-security",
        "take": _TAKE,
        "above": 0,
    }
    role = APP_ROLE if security else None
    return 1 / script_rate(
        url, script, role=role, organization_id=queue.organization_id, times=claims, variables=variables
    )


ROW_SECURITY = Scenario(
    name="row_security",
    title="The cost of row security",
    how=f"pgbench, one client, prepared: CLAIM of {_TAKE} items in one transaction, as {APP_ROLE} with its "
    f"organization set and as a superuser, on one table in turn, {_ROUNDS} times a round",
    measure=_measure,
)
