from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import pytest
from tests.fixtures.clock import ClockedDatabase
from tests.interleavings.ground import KINDS, Ground, Result, State
from tests.interleavings.held import HeldVerb
from tests.interleavings.verbs import VERBS, Verb

pytestmark = pytest.mark.anyio

Sides: TypeAlias = tuple[ClockedDatabase, ClockedDatabase]
STOPPING = {"cancel", "end-cancelled", "rescue"}  # what has to do with items that are being cancelled
CASES = pytest.mark.parametrize(
    ("first", "second", "kind"),
    [
        pytest.param(one, other, kind, id=f"{one.name}-{other.name}-{kind}")
        for one in VERBS
        for other in VERBS
        for kind in KINDS
        if kind != "cancelled" or STOPPING & {one.name, other.name}
    ],
)
PASSING_BY = {"claim", "rescue"}  # what somebody else holds
REFUSALS = ("Conflict", "NotFound")  # in which a retry says that there is nothing to retry (any more)


async def _serial(database: ClockedDatabase, ground: Ground, *verbs: Verb, kind: str) -> Result:
    """Return what comes of verbs one after the other; each series is run once only."""
    series = (kind, *(verb.name for verb in verbs))
    if series not in ground.results:
        await ground.lay(database, kind)
        runs = []
        for verb in verbs:
            runs.append(run := HeldVerb(database, verb))
            await run.finish(ground)
            await run.ended()
        answers, statements = [_said(run) for run in runs], [run.statements for run in runs]
        ground.results[series] = Result(answers, ground.state(), statements)
    return ground.results[series]


def _said(run: HeldVerb) -> Any:
    return [] if run.verb.name.endswith("retry") and run.answer in REFUSALS else run.answer


async def _at_once(ground: Ground, first: HeldVerb, *, second: HeldVerb, points: Sequence[int]) -> Result:
    """Hold the first after some statements and the second after some, then let both end."""
    for run, statements in zip((first, second), points, strict=True):
        await run.go(ground, statements)
    for run in (first, second):
        await run.finish(ground)
    for run in (first, second):
        await run.ended()
    return Result([_said(first), _said(second)], ground.state())


def _points(ours: int, theirs: int) -> Iterator[tuple[int, int]]:
    """Yield where two are held: the first after each of its statements, the second after each and after its end."""
    return ((one, other) for one in range(1, ours + 1) for other in range(1, theirs + 2))


def _apart(before: Result, ours: Result, *, theirs: Result) -> list[Result]:
    """Return what comes of two verbs neither of which sees the other's changes; nothing when they change the same."""
    merged: State = {}
    for name in {*before.state, *ours.state, *theirs.state}:
        was, mine, other = (result.state.get(name) for result in (before, ours, theirs))
        if was in (mine, other):
            merged[name] = other if mine == was else mine
        elif name.startswith(("counter", "slots")):
            merged[name] = (mine or 0) + (other or 0) - (was or 0)
        else:
            return []
    return [Result([*ours.answers, *theirs.answers], {name: there for name, there in merged.items() if there})]


async def _allowed(database: ClockedDatabase, ground: Ground, *verbs: Verb, kind: str) -> list[Result]:
    """Return what two verbs may come to; one that passes by what is locked may have passed by all that is."""
    first, second = verbs
    forth = await _serial(database, ground, first, second, kind=kind)
    back = await _serial(database, ground, second, first, kind=kind)
    before = await _serial(database, ground, kind=kind)
    ours, theirs = [await _serial(database, ground, verb, kind=kind) for verb in verbs]
    passed = [Result([*ours.answers, []], ours.state)] if second.name in PASSING_BY else []
    passed += [Result([[], *theirs.answers], theirs.state)] if first.name in PASSING_BY else []
    return [forth, Result(back.answers[::-1], back.state), *passed, *_apart(before, ours, theirs=theirs)]


def _unlike(came: Result, allowed: Sequence[Result]) -> str:
    """Say how a result differs from each that is allowed."""
    lines = [f"answers {came.answers}"]
    for result in allowed:
        names = sorted(name for name in {*came.state, *result.state} if came.state.get(name) != result.state.get(name))
        differing = [f"{name}: {came.state.get(name)} for {result.state.get(name)}" for name in names]
        lines += [f"against {result.answers}", *differing]
    return "\n".join(lines)


@CASES
async def test_two_at_once_come_to_what_one_after_the_other_comes_to(
    sides: Sides, ground: Ground, first: Verb, second: Verb, kind: str
) -> None:
    """Wherever two verbs are held, both end, no deadlock is met, and answers and tables are those of some order.

    Where the two change different items, they may also come to what each comes to by itself. Whoever meets a
    transaction that is rolled back in the end has waited for it, or (a claim, a rescue) has passed by what it held.
    """
    one, other = sides
    allowed = await _allowed(one, ground, first, second, kind=kind)
    before, ours, theirs = [await _serial(one, ground, *verbs, kind=kind) for verbs in ((), (first,), (second,))]
    deadlocks = ground.deadlocks()
    for points in _points(*ours.statements, *theirs.statements):
        await ground.lay(one, kind)
        came = await _at_once(ground, HeldVerb(one, first), second=HeldVerb(other, second), points=points)
        assert came in allowed, f"held after {points} statements, no order comes to this: {_unlike(came, allowed)}"

    await ground.lay(one, kind)
    given_up, held = HeldVerb(one, first, commits=False), HeldVerb(other, second)
    came = await _at_once(ground, given_up, second=held, points=[*ours.statements, *theirs.statements])
    passed_by = [Result([None, []], before.state)] if second.name in PASSING_BY else []
    alone = [Result([None, *theirs.answers], theirs.state), *passed_by]
    assert came in alone, f"the first was given up, and the second is not as if alone: {_unlike(came, alone)}"
    assert ground.deadlocks() == deadlocks
