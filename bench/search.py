"""`python -m bench.search`: search among users, and long lists of them, in an organization of 100,000.

A figure is a whole unit of work, from begin to commit, around the one call that a program makes with the library.
Timing never fails a build: the exit code is 0 whatever the figures are, and 1 only when nothing could be measured.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import uvloop

from bench.figures import Figure, figure
from bench.people import OTHERS, USERS, Population, populate
from bench.report import machine, table
from bench.server import BenchmarkImpossibleError, Server, running_server
from fairlead.db.connect import DatabaseOptions
from fairlead.db.migrate import migrate
from fairlead.db.session import Database, Session
from fairlead.db.tenancy import TenantScope, tenant
from fairlead.errors import FairleadError
from fairlead.observability import log
from fairlead.queries.page import After, Page, Position, Slice, Window
from fairlead.queries.users import get_user_page, get_user_slice
from fairlead.rows import User

_RESULTS = Path("bench/results")
_TERMS = {
    "search, a rare name": "zyxOMma",
    "search, every tenth user": "MegaCorp",
    "search, nobody": "qqzzqq",
    "search, a literal %": "50%",
    "search, accents": "ÉLODIE",
    "search, one letter": "A",
    "search, two letters": "AN",
    "search, the 25 oldest users": "Wombatina",
}
_DEEP = 50_000  # users before what is read far down
_WITH_TRIGRAMS, _WITHOUT = 50, 150  # milliseconds that the first page of a search may take
_FACTS = """
select current_setting('server_version') as server_version, current_setting('shared_buffers') as shared_buffers,
    current_setting('jit') as jit,
    coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale', datctype) as letter_cases,
    exists (select from pg_available_extensions where name = 'pg_trgm') as pg_trgm_available,
    pg_size_pretty(pg_relation_size('users')) as users,
    pg_size_pretty(pg_relation_size('users_org_idx')) as users_org_idx
from pg_database d where datname = current_database()
"""


@dataclass(frozen=True, slots=True)
class Case:
    """A list that is asked for, and how many users it has to find: a page altogether, a slice in itself."""

    name: str
    term: str | None
    call: Callable[[Session, TenantScope], Awaitable[Page[User] | Slice[User]]]
    expected: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many a list found, and what it took, time by time; `target` None: nothing was aimed at."""

    case: Case
    found: int
    milliseconds: Sequence[float]
    target: float | None

    @property
    def value(self) -> Figure:
        """Median, least and most."""
        return figure(self.milliseconds)

    @property
    def reached(self) -> bool | None:
        """Whether that is good enough."""
        return None if self.target is None else self.value.median <= self.target


@dataclass(frozen=True, slots=True)
class Run:
    """Everything one run found."""

    rounds: int
    load_average: float
    server: dict[str, Any]
    outcomes: Sequence[Outcome]

    @property
    def problems(self) -> list[str]:
        """Answers that are not the right ones: their figures are worth nothing."""
        wrong = [one for one in self.outcomes if one.found != one.case.expected]
        return [f"WRONG: {one.case.name}: found {one.found:,} of {one.case.expected:,}" for one in wrong]


def main() -> int:
    """Measure, write the results and print them."""
    asked = _arguments()
    log.configure(level="error")
    logging.getLogger("psycopg").setLevel(logging.ERROR)  # what it cannot undo after a Ctrl-C goes with the database
    try:
        with running_server() as server:
            run = _run(server, asked.rounds)
    except (BenchmarkImpossibleError, FairleadError, psycopg.OperationalError) as error:
        _say(f"The benchmark cannot run: {error}")
        return 1
    except KeyboardInterrupt:
        _say("Interrupted.")
        return 130
    _RESULTS.mkdir(exist_ok=True)
    as_text = json.dumps(as_json(run), indent=2, ensure_ascii=False) + "\n"
    (_RESULTS / "search.json").write_text(as_text)
    (_RESULTS / "search.md").write_text(as_markdown(run))
    print(as_text if asked.json else as_markdown(run), end="")
    return 0


def as_json(run: Run) -> dict[str, Any]:
    """Return the run with every single measurement."""
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "load_average": round(run.load_average, 2),
        "users": USERS,
        "users_of_others": USERS,
        "server": run.server,
        "lists": [
            {
                "name": one.case.name,
                "term": one.case.term,
                "found": one.found,
                "median": round(one.value.median, 2),
                "target": one.target,
                "reached": one.reached,
                "milliseconds": [round(value, 2) for value in one.milliseconds],
            }
            for one in run.outcomes
        ],
        "problems": run.problems,
    }


def as_markdown(run: Run) -> str:
    """Return the table, and what it was measured on."""
    rows = [["first page of 20, unless it says more", "term", "found", "median ms", "least", "most", "wanted", ""]]
    lines = [
        "# Search benchmark",
        "",
        _introduction(run),
        "",
        *(f"**{problem}**\n" for problem in run.problems),
        *table(rows + [_row(one) for one in run.outcomes]),
        "",
        "- PostgreSQL: " + ", ".join(f"{name} {value}" for name, value in run.server.items()) + ".",
    ]
    return "\n".join(lines) + "\n"


def _introduction(run: Run) -> str:
    return (
        f"{USERS:,} users in the organization that is asked, and {USERS:,} in {OTHERS} others; {run.rounds} round(s) "
        "with the lists in turn, after one that does not count; whole units of work, on one connection. "
        f"{machine()}. The load average before was {run.load_average:.1f} (over a minute, so with the making of the "
        "users); where it is above the number of CPUs, somebody else was at work. Wanted of a search is a median of "
        f"{_WITH_TRIGRAMS} ms where the server has pg_trgm, which is not used (docs/adr/0009), else {_WITHOUT} ms."
    )


def _row(one: Outcome) -> list[str]:
    term = "" if one.case.term is None else f"`{one.case.term}`"
    times = [f"{value:.1f}" for value in (one.value.median, one.value.least, one.value.most)]
    wanted = "" if one.target is None else f"≤ {one.target:g} ms"
    mark = {None: "", True: "reached", False: "**not reached**"}[one.reached]
    return [one.case.name, term, f"{one.found:,}", *times, wanted, mark]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.search", description="Measure search and lists of users.")
    parser.add_argument("--rounds", type=_positive, default=25)
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    return parser.parse_args()


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("has to be at least 1")
    return number


def _run(server: Server, rounds: int) -> Run:
    with server.fresh_database("search") as url:
        _say("Making the schema")
        migrate(url)
        population = populate(url, say=_say)
        with psycopg.connect(url, row_factory=psycopg.rows.dict_row) as connection:
            facts = connection.execute(_FACTS).fetchone() or {}
        load_average = os.getloadavg()[0]
        outcomes = uvloop.run(_outcomes(url, population, facts["pg_trgm_available"], rounds))
    return Run(rounds, load_average, facts, outcomes)


async def _outcomes(url: str, population: Population, trigrams: bool, rounds: int) -> list[Outcome]:
    database = Database(DatabaseOptions(url=url, application_name="fairlead bench"))
    scope = tenant(population.organization_id)
    try:
        cases = [*_searches(population), *await _lists(database, scope)]
        taken: dict[str, list[float]] = {case.name: [] for case in cases}
        found = {}
        for number in range(rounds + 1):
            _say(f"Round {number} of {rounds}: {len(cases)} lists" if number else "A round that does not count")
            first = number % len(cases)
            for case in [*cases[first:], *cases[:first]]:  # nobody always follows the same one
                found[case.name], milliseconds = await _timed(database, scope, case)
                taken[case.name] += [milliseconds] if number else []
    finally:
        await database.close()
    target = _WITH_TRIGRAMS if trigrams else _WITHOUT
    return [Outcome(case, found[case.name], taken[case.name], target if case.term else None) for case in cases]


async def _timed(database: Database, scope: TenantScope, case: Case) -> tuple[int, float]:
    began = time.perf_counter()
    async with database.unit_of_work(scope) as session:
        part = await case.call(session, scope)
    milliseconds = (time.perf_counter() - began) * 1000
    return part.total if isinstance(part, Page) else len(part.data), milliseconds


def _searches(population: Population) -> list[Case]:
    return [
        Case(name, term, partial(get_user_page, window=Window(), search=term), population.count(term))
        for name, term in _TERMS.items()
    ]


async def _lists(database: Database, scope: TenantScope) -> list[Case]:
    async with database.unit_of_work(scope) as session:
        before = await get_user_page(session, scope, window=Window(page=_DEEP, limit=1))
    after = After(Position(before.data[0].created_at, before.data[0].id))
    window = Window(page=_DEEP // Window().limit + 1)
    return [
        Case("no search", None, partial(get_user_page, window=Window()), USERS),
        Case(f"no search, the page after {_DEEP:,} users", None, partial(get_user_page, window=window), USERS),
        Case("no search, the first slice", None, partial(get_user_slice, after=After()), After().limit),
        Case(f"no search, the slice after {_DEEP:,} users", None, partial(get_user_slice, after=after), after.limit),
    ]


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
