"""`python -m bench`: the comparison; `--only NAME` another scenario, `--all` every one; see bench/results/latest.md.

Timing never fails a build: the exit code is 0 whatever the figures are, and 1 only when nothing could be measured.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg

from bench import comparison
from bench.contender import TurnFailedError
from bench.report import entry, write
from bench.scenario import Ground, Scenario, ScenarioFailedError, say
from bench.scenarios import SCENARIOS
from bench.server import BenchmarkImpossibleError, running_server
from fairlead.errors import FairleadError
from fairlead.observability import log

_BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}
_FAILURES = (FairleadError, TurnFailedError, ScenarioFailedError, psycopg.Error, OSError)


def main() -> int:
    """Measure, write the results and print them."""
    asked = _arguments()
    log.configure(level="error")
    logging.getLogger("psycopg").setLevel(logging.ERROR)  # what it cannot undo after a Ctrl-C goes with the database
    scenarios = SCENARIOS if asked.all else [_BY_NAME[name] for name in asked.only]
    fresh: dict[str, Any] = {}
    page = ""
    try:
        with running_server() as server:
            ground = Ground(server, asked.scale, asked.rounds, asked.items, asked.contenders)
            for scenario in scenarios:
                if (found := _measured(scenario, ground)) is not None:
                    fresh[scenario.name] = found
                    page = write(asked.results, {scenario.name: found}, order=list(_BY_NAME))
    except (BenchmarkImpossibleError, FairleadError) as error:
        say(f"The benchmark cannot run: {error}")
        return 1
    except KeyboardInterrupt:
        say("Interrupted.")
        return 130
    print(json.dumps(fresh, indent=2, ensure_ascii=False) if asked.json else page)
    return 0 if fresh else 1


def _measured(scenario: Scenario, ground: Ground) -> dict[str, Any] | None:
    say(f"{scenario.name}: {scenario.title}")
    load_average, began = os.getloadavg()[0], time.monotonic()
    try:
        outcome = scenario.measure(ground)
    except _FAILURES as error:
        say(f"\n!!! {scenario.name.upper()} FAILED: {type(error).__name__}: {error}\n")
        return None
    for verdict in outcome.verdicts:
        said = verdict.as_json()
        say(f"  {said['title']}: {said['median']:,.4g}, wanted {said['wanted']}, {_mark(reached=said['reached'])}")
    return entry(scenario, ground, outcome, load_average=load_average, seconds=time.monotonic() - began)


def _mark(*, reached: bool) -> str:
    return "reached" if reached else "NOT REACHED"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Measure what Fairlead promises; without --only or --all the comparison with the peers.",
        epilog="scenarios: " + ", ".join(_BY_NAME),
    )
    parser.add_argument("--only", type=_scenarios, default=(comparison.COMPARISON.name,), help="comma-separated")
    parser.add_argument("--all", action="store_true", help="every scenario, one after the other")
    parser.add_argument("--scale", type=float, default=1.0, help="how many of the items; 1 is what is promised")
    parser.add_argument("--rounds", type=_positive, default=3)
    parser.add_argument("--items", type=_positive, default=50_000, help="of the comparison")
    parser.add_argument("--contenders", type=_contenders, default=(), help=", ".join(comparison.NAMES))
    parser.add_argument("--results", type=Path, default=Path("bench/results"), help="the folder to write to")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the tables")
    return parser.parse_args()


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("has to be at least 1")
    return number


def _scenarios(text: str) -> tuple[str, ...]:
    return _known(text, tuple(_BY_NAME))


def _contenders(text: str) -> tuple[str, ...]:
    return _known(text, comparison.NAMES)


def _known(text: str, names: Sequence[str]) -> tuple[str, ...]:
    given = tuple(text.split(","))
    if unknown := set(given) - set(names):
        raise argparse.ArgumentTypeError(f"does not know {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    return given


if __name__ == "__main__":
    sys.exit(main())
