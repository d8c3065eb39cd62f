"""The faults that can be brought about, by the numbers of the research on faults."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from chaos.faults.blocked_loops import blocked_loops
from chaos.faults.deadlocks import deadlocks
from chaos.faults.herds import due_together, thundering_herd
from chaos.faults.killed_workers import killed_workers
from chaos.faults.limits import exceeded_limits, overtaken_keys
from chaos.faults.long_transactions import long_transactions
from chaos.faults.lost_connections import crashed_server, killed_backend, terminated_backends
from chaos.faults.noisy_tenant import noisy_tenant
from chaos.faults.poison import poison
from chaos.faults.rescue_races import rescue_races
from chaos.faults.skewed_clocks import skewed_clocks
from chaos.faults.unique_storms import unique_storms
from chaos.faults.zombies import zombies
from chaos.stage import Stage
from chaos.verdict import Tally


@dataclass(frozen=True, slots=True)
class Fault:
    """A way of breaking things; `seconds` is how long unless asked otherwise, `quick` that CI tries it for a moment."""

    code: str
    title: str
    bring_about: Callable[[Stage], Awaitable[Tally]]
    seconds: float = 20
    quick: bool = False


FAULTS: Final = (
    Fault("F01", "workers are killed in the middle of items", killed_workers, seconds=30),
    Fault("F02", "zombies report after their leases", zombies, seconds=30, quick=True),
    Fault("F04", "handlers block the event loop", blocked_loops),
    Fault("F05", "items kill their workers", poison),
    Fault("F08", "rescue races completion and a fresh claim", rescue_races, quick=True),
    Fault("F13", "a herd of workers starts and reconnects", thundering_herd),
    Fault("F23", "many enqueue with one unique key at once", unique_storms, seconds=10, quick=True),
    Fault("F24", "one organization floods, another does not", noisy_tenant),
    Fault("F25", "thousands of items are due at once", due_together, quick=True),
    Fault("F26", "connections are ended by the server", terminated_backends, quick=True),
    Fault("F27", "the server crashes", crashed_server, seconds=60),
    Fault("F28", "one server process is killed", killed_backend),
    Fault("F33", "transactions stay open", long_transactions),
    Fault("F35", "batches meet in opposite orders", deadlocks, quick=True),
    Fault("F41", "clocks are an hour wrong", skewed_clocks),
    Fault("LIMIT", "limits while workers are killed", exceeded_limits),
    Fault("ORDER", "ordering keys while workers are killed", overtaken_keys),
)
