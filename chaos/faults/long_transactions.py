"""F33: transactions that stay open for the whole run, so that no dead row of it can be removed.

Only correctness and that claims go on; what it costs is measured in bench/.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

import psycopg

from chaos.load import mixed_load
from chaos.stage import Stage
from chaos.verdict import Tally

_CLAIMS: Final = """
select count(*) from chaos_journal where after ->> 'status' = 'processing' and before ->> 'status' = 'waiting'
"""
_LOOK_SECONDS: Final = 3


async def long_transactions(stage: Stage) -> Tally:
    """Hold a writing transaction and a reading one open while items flow, and see that claims never stand still."""
    producing = await mixed_load(stage, workers=2, a_second=200)
    url = stage.server.superuser_url(stage.url)
    complaints, looks, claims = list[str](), 0, 0
    with ExitStack() as held:
        held.enter_context(_open_transaction(url, "select pg_current_xact_id()"))
        held.enter_context(_open_transaction(url, "set transaction isolation level repeatable read; select 1"))
        async for gone in stage.lasting():
            before, claims = claims, await asyncio.to_thread(stage.injector.value, _CLAIMS)
            if looks and claims == before:
                complaints.append(f"no claim for {_LOOK_SECONDS} s, {gone:.0f} s into the transaction")
            looks += 1
            await asyncio.sleep(min(_LOOK_SECONDS, stage.seconds / 3))
        await producing
    return Tally(claims, "claims beside open transactions", {}, complaints)


@contextmanager
def _open_transaction(url: str, begin: str) -> Iterator[None]:
    with psycopg.connect(url, application_name="chaos long transaction") as connection:
        connection.execute(begin.encode())
        yield
        connection.rollback()
