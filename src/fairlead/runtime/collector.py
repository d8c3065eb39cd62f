"""The collector of cyclic garbage, for a process that runs one thing for long and must not stop in between.

A full collection walks everything that was ever imported: with SQLAlchemy and its like a tenth of a second on a quiet
machine, several times that on a busy one, during which no wake-up is heard. What is there once the process has started
stays there, so it is taken out of sight; what comes after is little, and walked in a moment.
"""

from __future__ import annotations

import gc
from typing import Final

_YOUNG: Final = 10_000  # new objects between two collections of the youngest: an item makes several that outlive none


def settle_in() -> None:
    """Take everything there is now for permanent; call it once, when the process has started."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, 10, 10)
