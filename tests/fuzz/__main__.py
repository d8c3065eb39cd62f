"""`python -m tests.fuzz [cases] [first seed]`: everybody asks everything, for long (`make fuzz`).

A run of each who asks makes a round, on a stage of its own; rounds follow until there were so many cases. What is found
is printed as a curl to try, and the exit code is 1.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.fixtures.processes import Processes
from tests.fuzz.play import play
from tests.fuzz.stage import staged

from fairlead.db.embedded_shared import shared_server
from fairlead.db.scratch import ScratchServer, allow_databases, migrated_template, scratch_database

CASES = 200_000
EXAMPLES = 40
SECONDS = 600
LOGIN = "fairlead"


def main() -> int:
    """Play, and return the exit code."""
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else CASES
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else time.time_ns() % 1_000_000
    made, failed = 0, False
    with _template() as (server, template):
        while made < wanted:
            cases, bad = asyncio.run(_round(server, template, seed=seed))
            made, failed, seed = made + cases, failed or bad, seed + 1
            _say(f"{made:>9,} cases")
    return int(failed)


async def _round(server: ScratchServer, template: str, *, seed: int) -> tuple[int, bool]:
    """Let everybody play on one stage; return how many cases there were, and whether anything was found."""
    cases, bad = 0, False
    with (
        tempfile.TemporaryDirectory() as directory,
        scratch_database(server, name=f"{template}_fuzz", template=template) as url,
        _processes(Path(directory)) as processes,
    ):
        async with staged(processes, url) as stage:
            for asker in stage.askers:
                played = await play(stage, asker, Path(directory), seed=seed, examples=EXAMPLES, seconds=SECONDS)
                complaints = stage.complaints()
                cases, bad = cases + played.cases, bad or bool(played.code) or bool(complaints)
                _say(f"seed {seed}, {asker.name}: {played.cases:,} cases")
                if played.code or complaints:
                    _say("\n".join([played.said, *complaints]))
    return cases, bad


@contextmanager
def _template() -> Iterator[tuple[ScratchServer, str]]:
    with shared_server(f"f{os.getpid()}") as embedded:
        allow_databases(embedded.superuser_url, login=LOGIN)
        server = ScratchServer(embedded.url)
        with migrated_template(server, name="fuzz") as template:
            yield server, template


@contextmanager
def _processes(directory: Path) -> Iterator[Processes]:
    made = Processes(directory)
    try:
        yield made
    finally:
        made.close()


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
