"""The comparison: ours, the raw limit and the peers, in turn on one server, each turn on a fresh database.

A ratio is taken within each round (both sides measured minutes apart at most) and its median over the rounds counts.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from bench.contender import Contender, Load, Measurements, TurnFailedError
from bench.environment import NoEnvironmentError, peers_node, peers_python
from bench.figures import Figure, Target, Verdict, figure, shown
from bench.ours import FAIRLEAD
from bench.peer import NODE_PEERS, PYTHON_PEERS, node_peers, python_peers
from bench.raw import RAW
from bench.scenario import Ground, Outcome, Scenario, alternated, say

NAMES = (FAIRLEAD.name, RAW.name, *PYTHON_PEERS, *NODE_PEERS)
_LEAST = 10_000  # items: whole batches of a thousand for everyone, also for those who get a tenth
_MEASURES = {
    "bulk": "enqueue, 1,000 a call (items/s)",
    "single": "enqueue, one a call and transaction, 10 connections (items/s)",
    "transactional": "enqueue, one in each transaction of 10 callers: begin, enqueue, commit (items/s)",
    "coalesced": "enqueue, one a call, 100 callers in one process, coalesced (items/s)",
    "drain": "drain of no-op items, 1 process; raw: claim + complete (items/s)",
    "latency_20_p50": "pick-up latency at 20/s, p50 (ms)",
    "latency_20_p99": "pick-up latency at 20/s, p99 (ms)",
    "latency_1000_p50": "pick-up latency at 1,000/s, p50 (ms)",
    "latency_1000_p99": "pick-up latency at 1,000/s, p99 (ms)",
}


@dataclass(frozen=True, slots=True)
class Turn:
    """One contender's turn in one round, and how busy the machine was just before it."""

    round_number: int
    contender: str
    load_average: float
    commit_milliseconds: float
    measurements: Measurements


@dataclass(frozen=True, slots=True)
class Ratio:
    """What is to be reached: our `measure` over another contender's; that one's may be another measure."""

    measure: str
    against: str
    bound: float
    theirs: str = ""

    @property
    def title(self) -> str:
        """What the reader is told it is."""
        return f"{self.measure} / {self.against}" + (f" {self.theirs}" if self.theirs else "")

    def value(self, contenders: dict[str, Measurements]) -> float | None:
        """Return it for one round; None when a side was not measured."""
        ours = contenders.get(FAIRLEAD.name, {}).get(self.measure)
        theirs = contenders.get(self.against, {}).get(self.theirs or self.measure)
        return None if ours is None or theirs is None else ours / theirs


RATIOS = (
    Ratio("drain", "raw", 0.7),
    Ratio("drain", "pgqueuer", 2.2),
    Ratio("drain", "procrastinate", 65),
    Ratio("drain", "graphile-worker", 1.1),
    Ratio("drain", "pg-boss", 2.0),
    Ratio("bulk", "raw", 0.85),
    Ratio("bulk", "pgqueuer", 1.1),
    Ratio("single", "pgqueuer", 1.2),
    Ratio("coalesced", "pgqueuer", 10, theirs="single"),
)
LATENCIES = {"latency_20_p50": 3, "latency_20_p99": 8, "latency_1000_p50": 3, "latency_1000_p99": 8}


def figures(turns: Sequence[Turn]) -> dict[str, dict[str, Figure]]:
    """Return every contender's figures by measure."""
    collected: dict[str, dict[str, list[float]]] = {}
    for turn in turns:
        for measure, value in turn.measurements.items():
            collected.setdefault(turn.contender, {}).setdefault(measure, []).append(value)
    return {
        contender: {measure: figure(values) for measure, values in measures.items()}
        for contender, measures in collected.items()
    }


def verdicts(turns: Sequence[Turn]) -> list[Verdict]:
    """Return what became of every target that was measured."""
    rounds: dict[int, dict[str, Measurements]] = {}
    for turn in turns:
        rounds.setdefault(turn.round_number, {})[turn.contender] = turn.measurements
    targets = {Target(ratio.title, ratio.bound): [ratio.value(one) for one in rounds.values()] for ratio in RATIOS}
    for measure, bound in LATENCIES.items():
        target = Target(_MEASURES[measure].removesuffix(" (ms)"), bound, at_most=True, unit="ms")
        targets[target] = [one.get(FAIRLEAD.name, {}).get(measure) for one in rounds.values()]
    measured = {target: [value for value in values if value is not None] for target, values in targets.items()}
    return [target.over(values) for target, values in measured.items() if values]


def _measure(ground: Ground) -> Outcome:
    problems: list[str] = []
    contenders = _contenders(ground.contenders or NAMES, problems)
    load = Load(items=max(_LEAST, ground.scaled(ground.items) // _LEAST * _LEAST))
    turns = _turns(ground, contenders, load, problems)
    found = figures(turns)
    return Outcome(
        verdicts(turns),
        {"load": asdict(load), "figures": _plain(found), "turns": [asdict(turn) for turn in turns]},
        problems,
        tables={f"{load.items:,} items, {ground.rounds} round(s)": _table(found)} if found else {},
        plots={
            _MEASURES[measure]: {name: one[measure].median for name, one in found.items() if measure in one}
            for measure in ("drain", "bulk", "single")
        },
        settings={contender.name: contender.how for contender in contenders},
    )


def _contenders(only: Sequence[str], problems: list[str]) -> list[Contender]:
    available = [FAIRLEAD, RAW]
    try:
        if set(only) & set(PYTHON_PEERS):
            available += python_peers(peers_python())
    except NoEnvironmentError as error:
        _note(problems, f"THE PYTHON PEERS ARE MISSING: their environment cannot be made: {error}")
    try:
        if set(only) & set(NODE_PEERS):
            available += node_peers(*peers_node())
    except NoEnvironmentError as error:
        _note(problems, f"THE NODE PEERS ARE MISSING: their environment cannot be made: {error}")
    return [contender for contender in available if contender.name in only]


def _turns(ground: Ground, contenders: Sequence[Contender], load: Load, problems: list[str]) -> list[Turn]:
    turns: list[Turn] = []
    for round_number in range(1, ground.rounds + 1):
        for contender in alternated(contenders, round_number - 1):
            say(f"  Round {round_number} of {ground.rounds}: {contender.name}")
            try:
                turn = _turn(ground, contender, round_number, load)
            except TurnFailedError as error:
                _note(problems, f"{contender.name.upper()} FAILED in round {round_number}: {error}")
                continue
            turns.append(turn)
            say("    " + ", ".join(f"{measure} {value:,.2f}" for measure, value in turn.measurements.items()))
    return turns


def _turn(ground: Ground, contender: Contender, round_number: int, load: Load) -> Turn:
    load_average = os.getloadavg()[0]
    with ground.server.fresh_database(contender.name) as url:
        commit = ground.server.commit_milliseconds(url)
        measurements = contender.measure(url, load)
    return Turn(round_number, contender.name, round(load_average, 2), round(commit, 3), measurements)


def _table(found: dict[str, dict[str, Figure]]) -> list[list[str]]:
    rows = [["", *found]]
    for measure, title in _MEASURES.items():
        if any(measure in measures for measures in found.values()):
            rows.append([title, *(shown(measures.get(measure)) for measures in found.values())])
    return rows


def _plain(found: dict[str, dict[str, Figure]]) -> dict[str, dict[str, object]]:
    return {name: {measure: asdict(value) for measure, value in one.items()} for name, one in found.items()}


def _note(problems: list[str], problem: str) -> None:
    problems.append(problem)
    say(f"\n!!! {problem}\n")


COMPARISON = Scenario(
    name="comparison",
    title="Ours, the raw limit and the peers",
    how="One server; every contender in turn on a fresh database, another one first in each round. A ratio is taken "
    "within each round and the median counts",
    measure=_measure,
)
