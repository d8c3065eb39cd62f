"""`python -m tests.model [steps] [first seed]`: play the state machine for long, in two processes (`make model`).

Says how far it is after every part, and in the end what was done; a fault is shown as its shortest play and ends it.
"""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from multiprocessing import get_context

from tests.model.play import play_a_part

from fairlead.db.embedded_shared import shared_server
from fairlead.db.scratch import ScratchServer, allow_databases, migrated_template

STEPS = 500_000
PART = 5_000
PROCESSES = 2
LOGIN = "fairlead"


def main() -> int:
    """Play, and return the exit code."""
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else STEPS
    first = int(sys.argv[2]) if len(sys.argv) > 2 else time.time_ns() % 1_000_000
    numbers = range(first, first + max(1, steps // PART))
    counts, begun = Counter[str](), time.monotonic()
    _say(f"{len(numbers) * PART:,} steps, in parts of {PART:,} with the seeds {first} to {numbers[-1]}")
    with _template() as (server, template), ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        parts = {pool.submit(play_a_part, server, template, number=number, steps=PART): number for number in numbers}
        for part in as_completed(parts):
            if error := part.exception():
                pool.shutdown(wait=False, cancel_futures=True)
                _say(
                    f"A fault in the part with the seed {parts[part]}:\n{error}\n"
                    + "\n".join(getattr(error, "__notes__", []))
                )
                return 1
            counts += part.result()
            pace = counts["steps"] / (time.monotonic() - begun)
            _say(f"{counts['steps']:>9,} steps, {pace:,.0f} a second")
    _say(_summary(counts, time.monotonic() - begun))
    return 0


@contextmanager
def _template() -> Iterator[tuple[ScratchServer, str]]:
    with shared_server(f"m{os.getpid()}") as embedded:
        allow_databases(embedded.superuser_url, login=LOGIN)
        server = ScratchServer(embedded.url)
        with migrated_template(server, name="model") as template:
            yield server, template


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _summary(counts: Counter[str], seconds: float) -> str:
    done = [f"{name} {number:,}" for name, number in sorted(counts.items()) if name != "steps"]
    return f"{', '.join(done)}\nNo fault in {counts['steps']:,} steps and {seconds:,.0f} seconds."


if __name__ == "__main__":
    sys.exit(main())
