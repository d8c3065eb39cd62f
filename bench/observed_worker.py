"""`fairlead worker` with a stopwatch on its claims: `python -m bench.observed_worker FILE worker …`.

At the end it writes to FILE, as JSON, when each claim that got something ended (CLOCK_MONOTONIC), how many seconds it
took with its round trip, and how many items it got.
"""

from __future__ import annotations

import atexit
import json
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import fairlead.engine.claim
import fairlead.worker.main  # everything that claims has been imported with it
from fairlead.cli.app import main

_claim = fairlead.engine.claim.claim
_claims: list[tuple[float, float, int]] = []


async def _timed(*arguments: Any, **options: Any) -> Any:
    began = time.monotonic()
    claimed = await _claim(*arguments, **options)
    ended = time.monotonic()
    if claimed:
        _claims.append((ended, ended - began, len(claimed)))
    return claimed


def _claimers() -> list[ModuleType]:
    modules = [module for name, module in sys.modules.items() if name.startswith("fairlead.worker")]
    return [module for module in modules if getattr(module, "claim", None) is _claim]


if __name__ == "__main__":
    file = Path(sys.argv[1])
    claimers = _claimers()
    if not claimers:
        sys.exit("No module of the worker calls `claim` any more: tell bench/observed_worker.py what does.")
    for claimer in claimers:
        vars(claimer)["claim"] = _timed
    atexit.register(lambda: file.write_text(json.dumps(_claims)))
    sys.argv = ["fairlead", *sys.argv[2:]]
    main()
