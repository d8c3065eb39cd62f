"""Every scenario, in the order in which its figures are shown."""

from __future__ import annotations

from bench.comparison import COMPARISON
from bench.scenario import Scenario
from bench.scenarios.backlog import BACKLOG
from bench.scenarios.counters import COUNTERS
from bench.scenarios.fairness import FLOOD, WEIGHTS
from bench.scenarios.held_transaction import HELD_TRANSACTION
from bench.scenarios.limits import LIMITS
from bench.scenarios.many_queues import IDLE_QUEUES, MANY_QUEUES
from bench.scenarios.memory import MEMORY
from bench.scenarios.row_security import ROW_SECURITY

SCENARIOS: tuple[Scenario, ...] = (
    COMPARISON,
    HELD_TRANSACTION,
    BACKLOG,
    MANY_QUEUES,
    IDLE_QUEUES,
    FLOOD,
    WEIGHTS,
    LIMITS,
    ROW_SECURITY,
    COUNTERS,
    MEMORY,
)
