"""`python -m bench`: ours, the raw limit and the peers, in turn on one server; see bench/results/latest.md.

Timing never fails a build: the exit code is 0 whatever the figures are, and 1 only when nothing could be measured.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.contender import Contender, Load, TurnFailedError
from bench.environment import NoEnvironmentError, peers_python
from bench.figures import Turn
from bench.ours import FAIRLEAD
from bench.peer import peers
from bench.raw import RAW
from bench.report import Run, as_json, as_markdown
from bench.server import BenchmarkImpossibleError, Server, running_server
from fairlead.errors import FairleadError
from fairlead.observability import log

_NAMES = ("fairlead", "raw", "pgqueuer", "procrastinate")
_RESULTS = Path("bench/results")
_STEP = 10_000  # whole batches of a thousand for everyone, also for those who get a tenth


def main() -> int:
    """Measure, write the results and print them."""
    asked = _arguments()
    log.configure(level="error")
    problems: list[str] = []
    contenders = _contenders(asked.only, problems)
    load = Load(items=asked.items)
    try:
        with running_server() as server:
            settings = server.settings()
            turns = _turns(server, contenders, asked.rounds, load, problems)
    except (BenchmarkImpossibleError, FairleadError) as error:
        _say(f"The benchmark cannot run: {error}")
        return 1
    except KeyboardInterrupt:
        _say("Interrupted.")
        return 130
    run = Run(load, contenders, settings, turns, problems)
    _RESULTS.mkdir(exist_ok=True)
    as_text = json.dumps(as_json(run), indent=2, ensure_ascii=False) + "\n"
    (_RESULTS / "latest.json").write_text(as_text)
    (_RESULTS / "latest.md").write_text(as_markdown(run))
    print(as_text if asked.json else as_markdown(run), end="")
    return 0 if turns else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure ours, the raw limit and the peers.")
    parser.add_argument("--rounds", type=_positive, default=3)
    parser.add_argument("--items", type=_whole_steps, default=50_000, help=f"a multiple of {_STEP:,}")
    parser.add_argument("--only", type=_names, default=_NAMES, help=f"comma-separated, of {', '.join(_NAMES)}")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the tables")
    return parser.parse_args()


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("has to be at least 1")
    return number


def _whole_steps(text: str) -> int:
    number = _positive(text)
    if number % _STEP:
        raise argparse.ArgumentTypeError(f"has to be a multiple of {_STEP:,}")
    return number


def _names(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    if unknown := set(names) - set(_NAMES):
        raise argparse.ArgumentTypeError(f"does not know {', '.join(sorted(unknown))}")
    return names


def _contenders(only: Sequence[str], problems: list[str]) -> list[Contender]:
    available = [FAIRLEAD, RAW]
    if set(only) - {contender.name for contender in available}:
        try:
            available += peers(peers_python())
        except NoEnvironmentError as error:
            _note(problems, f"THE PEERS ARE MISSING: their environment cannot be made: {error}")
    return [contender for contender in available if contender.name in only]


def _turns(server: Server, contenders: Sequence[Contender], rounds: int, load: Load, problems: list[str]) -> list[Turn]:
    turns: list[Turn] = []
    for round_number in range(1, rounds + 1):
        for contender in _rotated(contenders, round_number):
            _say(f"Round {round_number} of {rounds}: {contender.name}")
            try:
                turn = _turn(server, contender, round_number, load)
            except TurnFailedError as error:
                _note(problems, f"{contender.name.upper()} FAILED in round {round_number}: {error}")
                continue
            turns.append(turn)
            _say("  " + ", ".join(f"{measure} {value:,.2f}" for measure, value in turn.measurements.items()))
    return turns


def _turn(server: Server, contender: Contender, round_number: int, load: Load) -> Turn:
    load_average = os.getloadavg()[0]
    with server.fresh_database(contender.name) as url:
        commit = server.commit_milliseconds(url)
        measurements = contender.measure(url, load)
    return Turn(round_number, contender.name, round(load_average, 2), round(commit, 3), measurements)


def _rotated(contenders: Sequence[Contender], round_number: int) -> list[Contender]:
    """Return them with another one first in each round, so that nobody always follows the same one."""
    first = (round_number - 1) % max(1, len(contenders))
    return [*contenders[first:], *contenders[:first]]


def _note(problems: list[str], problem: str) -> None:
    problems.append(problem)
    _say(f"\n!!! {problem}\n")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
