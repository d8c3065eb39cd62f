"""The checker: holds a history against every invariant.

`python -m chaos.checker DIRECTORY` checks one that was kept.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Final, TypeAlias

from chaos.history import History, read_history
from chaos.invariants.answers import (
    accepted_is_committed,
    one_completion,
    one_run_a_lease,
    refused_is_not_committed,
)
from chaos.invariants.canaries import canaries_at_home, no_defects
from chaos.invariants.keys import limits_kept, order_of_keys, unique_keys, unique_periods
from chaos.invariants.leases import lawful_changes
from chaos.invariants.loss import no_ghosts, no_loss
from chaos.invariants.recovery import quiet, rescued_in_time
from chaos.verdict import Violation

Invariant: TypeAlias = Callable[[History], Iterator[Violation]]

INVARIANTS: Final[tuple[Invariant, ...]] = (
    no_loss,
    no_ghosts,
    lawful_changes,
    accepted_is_committed,
    refused_is_not_committed,
    one_completion,
    one_run_a_lease,
    rescued_in_time,
    unique_keys,
    unique_periods,
    order_of_keys,
    limits_kept,
    canaries_at_home,
    no_defects,
    quiet,
)
_MOST_OF_ONE: Final = 20


def check(history: History) -> list[Violation]:
    """Return what is wrong with a history; of each invariant the first violations."""
    return [violation for invariant in INVARIANTS for violation in islice(invariant(history), _MOST_OF_ONE)]


def main() -> int:
    """Check a directory and say what is wrong with it."""
    violations = check(read_history(Path(sys.argv[1])))
    for violation in violations:
        print(f"{violation.invariant} {violation.sentence}")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
