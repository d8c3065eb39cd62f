"""The state machine: every verb, in any order, by the workers and by people, each held against the model.

A play begins with an empty database (`Stage.begin`). Leases are kept for ever and shown again at any time.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule
from tests.model import entering, upkeep, working
from tests.model.inputs import (
    AS_FLEET,
    DELAYS,
    FATES,
    INPUTS,
    MOST,
    PLACES,
    SEVERAL,
    SOURCES,
    TURNS,
)
from tests.model.stage import Stage, repeatable_ids
from tests.model.steps import Fate, Step
from tests.model.world import Item, World

from fairlead.db.session import Session
from fairlead.db.tenancy import Scope, TenantScope, system, tenant
from fairlead.engine.advance import advance
from fairlead.engine.claim import WHOLE, Source, Walk, claim
from fairlead.engine.complete import Completion, complete
from fairlead.engine.end_cancelled import end_cancelled
from fairlead.engine.fail import Failure, fail
from fairlead.engine.promote import promote
from fairlead.engine.prune import prune, prune_periods
from fairlead.engine.release import release
from fairlead.engine.renew import renew
from fairlead.engine.reports import Lease
from fairlead.engine.rescue import rescue
from fairlead.engine.snooze import Snooze, snooze
from fairlead.services.item_rules import ItemInput
from fairlead.services.items import enqueue_items

FLEET = system("the model")
MIXED = 11  # places above this show an item's older lease too


class Machine(RuleBasedStateMachine):
    """What producers, workers and maintenance do."""

    stage: ClassVar[Stage]

    def __init__(self) -> None:
        super().__init__()
        self.open = ExitStack()
        self.open.enter_context(repeatable_ids())
        self.world: World = self.stage.begin()
        self.leases: list[Lease] = []
        self.numbers = 0

    def teardown(self) -> None:
        """Draw ids at random again."""
        self.open.close()

    def take(self, name: str, step: Step, *, fate: Fate) -> Any:
        """Take a step, and compare the tables with the model, whole."""
        answer = self.stage.take(name, step, fate=fate)
        self.stage.observer.insist(self.world)
        return answer

    def organization(self, place: int) -> str:
        """Return one of the organizations."""
        return list(self.world.organizations)[place % len(self.world.organizations)]

    def queue(self, place: int) -> tuple[TenantScope, str]:
        """Return one of the queues, and the scope of its organization; sometimes another organization's."""
        queues = list(self.world.queues.values())
        if not queues or place == 15:
            return tenant(self.organization(0)), queues[-1].id if queues else "q" * 24
        queue = queues[place % len(queues)]
        return tenant(queue.organization_id), queue.id

    def shown(self, places: list[int]) -> list[Lease]:
        """Return some of the leases that were ever granted, each once: the latest, and more often those of now.

        At times the lease before each is shown beside it.
        """
        held = [lease for lease in self.leases if self._is_held(lease)]
        pools = [held if held and place % 3 else self.leases for place in places]
        chosen = [pool[-1 - place // 3 % len(pool)] for pool, place in zip(pools, places, strict=True)]
        if max(places) > MIXED:
            chosen += [replace(lease, claims=lease.claims - 1) for lease in chosen if lease.claims > 1]
        return list(dict.fromkeys(chosen))

    def _is_held(self, lease: Lease) -> bool:
        item = self.world.items.get(lease.id)
        return item is not None and (item.status, item.claims) == ("processing", lease.claims)

    def items(self, places: list[int]) -> list[str]:
        """Return the ids of some items, of any organization, the latest rather than the first."""
        ids = list(self.world.items)
        return list(dict.fromkeys(ids[-1 - place % len(ids)] for place in places if ids))

    @rule(seconds=st.sampled_from([0, 1, 4, 11, 31]), turns=TURNS, most=MOST, fate=FATES)
    def maintain(self, seconds: int, turns: tuple[str, ...], most: int, fate: Fate) -> None:
        """Time passes, so that leases run out and items become due, and maintenance takes some turns or none."""
        self.stage.counts["steps"] += 1
        self.world.now += seconds
        self.stage.database.now = self.world.now
        for turn in turns:
            getattr(self, f"_{turn}")(most, fate=fate)

    @precondition(lambda self: bool(self.held()))
    @rule(fate=FATES)
    def lose_every_worker(self, fate: Fate) -> None:
        """Nobody reports any more; when the last lease is over, maintenance takes back what was held."""
        over = max(item.lease_end or 0 for item in self.held()) - self.world.now
        self.maintain(max(0, over), ("rescue",), 100, fate)

    def held(self) -> list[Item]:
        """Return what is being worked on, whether or not its lease is over."""
        return [item for item in self.world.items.values() if item.status == "processing"]

    @rule(place=PLACES, inputs=INPUTS, fate=FATES)
    def enqueue(self, place: int, inputs: list[ItemInput], fate: Fate) -> None:
        """Somebody enqueues some items."""
        self._enqueue(place, inputs, fate=fate)

    @rule(place=PLACES, inputs=INPUTS, fate=FATES)
    def enqueue_for_a_worker(self, place: int, inputs: list[ItemInput], fate: Fate) -> None:
        """Somebody enqueues some items, whose turns come, and a worker claims them: most verbs need some held."""
        self._enqueue(place, inputs, fate=fate)
        self._advance(100, fate=fate)
        self._claim([(place, 10, None, 0)], as_fleet=True, fate=fate)

    def _enqueue(self, place: int, inputs: list[ItemInput], *, fate: Fate) -> None:
        scope, queue_id = self.queue(place)
        numbered = [asked._replace(payload={"number": self.numbers + n}) for n, asked in enumerate(inputs)]
        self.numbers += len(inputs)
        self.world.made += 1

        async def work(session: Session) -> list[str]:
            return await enqueue_items(session, scope, queue_id=queue_id, items=numbered)

        def expect(answer: Any) -> list[str]:
            ids = answer if isinstance(answer, list) else ["-"] * len(inputs)
            return entering.enqueue(self.world, scope.organization_id, queue_id=queue_id, inputs=numbered, answer=ids)

        self.take("enqueue", Step(scope, work, expect), fate=fate)

    @rule(drawn=SOURCES, as_fleet=AS_FLEET, fate=FATES)
    def claim(self, drawn: list[tuple[int, int, int | None, int]], as_fleet: bool, fate: Fate) -> None:
        """A worker claims from some queues."""
        self._claim(drawn, as_fleet=as_fleet, fate=fate)

    @precondition(lambda self: bool(self._queues_with_work()))
    @rule(place=PLACES, take=st.sampled_from([1, 3, 10]), fate=FATES)
    def claim_where_something_waits(self, place: int, take: int, fate: Fate) -> None:
        """Another worker claims from a queue in which something waits, after what is due was promoted."""
        if any(item.is_due(self.world.now) for item in self.world.items.values()):
            self._promote(100, fate=fate)
        queues = self._queues_with_work()
        self._claim([(queues[place % len(queues)], take, None, 0)], as_fleet=True, fate=fate)

    def _queues_with_work(self) -> list[int]:
        """Return the places of the queues in which something waits whose turn it is."""
        busy = {item.queue_id for item in self.world.items.values() if item.status == "waiting" and not item.blocked}
        return [place for place, queue_id in enumerate(self.world.queues) if queue_id in busy]

    def _claim(self, drawn: list[tuple[int, int, int | None, int]], *, as_fleet: bool, fate: Fate) -> None:
        sources = list({source.queue_id: source for source in (self._source(*each) for each in drawn)}.values())
        scope = self._scope(as_fleet)
        own = [source for source in sources if scope.organization_id in {"", source.organization_id}]

        async def work(session: Session) -> list[working.Told]:
            return [working.told(item) for item in await claim(session, scope, sources=sources, worker_id="worker")]

        def expect(_: Any) -> list[working.Told]:
            told = working.claim(self.world, own)
            self.leases += [self._lease(item) for item in told]
            return told

        self.take("claim", Step(scope, work, expect), fate=fate)

    def _scope(self, as_fleet: bool) -> Scope:
        return FLEET if as_fleet else tenant(self.organization(0))

    def _source(self, place: int, take: int, lease_seconds: int | None, walks: int) -> Source:
        scope, queue_id = self.queue(place)
        above = sorted(item.seq or 0 for item in self.world.live(queue_id))[:walks][-1:]
        parts = (Walk(lowest=1), Walk(0, 0, *above), Walk(highest=-1)) if walks else WHOLE
        return Source(scope.organization_id, queue_id, take, lease_seconds, parts)

    def _lease(self, item: working.Told) -> Lease:
        found = self.world.items[item.id]
        queue_id = "" if len(self.leases) % 5 == 0 else found.queue_id  # some do not know it
        return Lease(found.organization_id, item.id, item.claims, queue_id)

    @precondition(lambda self: bool(self.leases))
    @rule(places=SEVERAL, seconds=st.sampled_from([3, 40]), as_fleet=AS_FLEET, fate=FATES)
    def renew(self, places: list[int], seconds: int, as_fleet: bool, fate: Fate) -> None:
        """Somebody shows leases, current or not, to keep them."""
        scope, leases = self._scope(as_fleet), self.shown(places)

        async def work(session: Session) -> dict[str, int]:
            ends = await renew(session, scope, leases=leases, lease_seconds=seconds)
            return {item_id: int(end.timestamp()) for item_id, end in ends.items()}

        own = _own(scope, leases)
        self.take(
            "renew", Step(scope, work, lambda _: working.renew(self.world, own, lease_seconds=seconds)), fate=fate
        )

    @precondition(lambda self: bool(self.leases))
    @rule(places=SEVERAL, as_fleet=AS_FLEET, fate=FATES)
    def complete(self, places: list[int], as_fleet: bool, fate: Fate) -> None:
        """Somebody reports work as done, perhaps once more."""
        scope, leases = self._scope(as_fleet), self.shown(places)

        async def work(session: Session) -> set[str]:
            return await complete(session, scope, completions=[Completion(lease, {"by": 1}) for lease in leases])

        own = _own(scope, leases)
        self.take("complete", Step(scope, work, lambda _: working.complete(self.world, own)), fate=fate)

    @precondition(lambda self: bool(self.leases))
    @rule(places=SEVERAL, as_fleet=AS_FLEET, fate=FATES)
    def end_cancelled(self, places: list[int], as_fleet: bool, fate: Fate) -> None:
        """Somebody says that the work on items has stopped, whether or not they are being cancelled."""
        self._end_cancelled(self._scope(as_fleet), self.shown(places), fate=fate)

    def _end_cancelled(self, scope: Scope, leases: list[Lease], *, fate: Fate) -> None:
        async def work(session: Session) -> set[str]:
            return await end_cancelled(session, scope, leases=leases)

        own = _own(scope, leases)
        self.take("end cancelled", Step(scope, work, lambda _: working.end_cancelled(self.world, own)), fate=fate)

    @precondition(lambda self: bool(self.leases))
    @rule(places=SEVERAL, delays=st.tuples(*[DELAYS] * 8), give_up=st.booleans(), as_fleet=AS_FLEET, fate=FATES)
    def fail(self, places: list[int], delays: tuple[int, ...], give_up: bool, as_fleet: bool, fate: Fate) -> None:
        """Somebody reports attempts as failed."""
        scope, leases = self._scope(as_fleet), self.shown(places)
        own, later = _own(scope, leases), dict(enumerate(delays))
        failures = [Failure(lease, "no", later[place], give_up=give_up) for place, lease in enumerate(own)]

        async def work(session: Session) -> dict[str, str]:
            return {id_: status.value for id_, status in (await fail(session, scope, failures=failures)).items()}

        def expect(_: Any) -> dict[str, str]:
            return working.fail(self.world, own, delays=later, give_up=give_up)

        self.take("fail", Step(scope, work, expect), fate=fate)

    @precondition(lambda self: bool(self.leases))
    @rule(places=SEVERAL, delays=st.tuples(*[DELAYS] * 8), as_fleet=AS_FLEET, fate=FATES)
    def snooze(self, places: list[int], delays: tuple[int, ...], as_fleet: bool, fate: Fate) -> None:
        """Somebody puts off what it holds."""
        scope, leases = self._scope(as_fleet), self.shown(places)
        own, later = _own(scope, leases), dict(enumerate(delays))

        async def work(session: Session) -> set[str]:
            return await snooze(session, scope, snoozes=[Snooze(lease, later[n]) for n, lease in enumerate(own)])

        self.take("snooze", Step(scope, work, lambda _: working.snooze(self.world, own, delays=later)), fate=fate)

    @precondition(lambda self: bool(self.leases))
    @rule(places=SEVERAL, as_fleet=AS_FLEET, fate=FATES)
    def release(self, places: list[int], as_fleet: bool, fate: Fate) -> None:
        """Somebody gives back what it holds."""
        scope, leases = self._scope(as_fleet), self.shown(places)

        async def work(session: Session) -> set[str]:
            return await release(session, scope, leases=leases)

        own = _own(scope, leases)
        self.take("release", Step(scope, work, lambda _: working.release(self.world, own)), fate=fate)

    def _rescue(self, most: int, *, fate: Fate) -> None:
        async def work(session: Session) -> dict[str, str]:
            return {item.id: item.status.value for item in await rescue(session, FLEET, most=most)}

        self.take(
            "rescue",
            Step(FLEET, work, lambda answer: upkeep.rescue(self.world, most=most, chosen=set(answer))),
            fate=fate,
        )

    def _prune(self, most: int, *, fate: Fate) -> None:
        async def work(session: Session) -> int:
            await prune_periods(session, FLEET, most=100)
            return await prune(session, FLEET, most=most)

        def expect(_: Any) -> int:
            return upkeep.prune(self.world, most=most, left=self.stage.observer.ids())

        self.take("prune", Step(FLEET, work, expect), fate=fate)

    def _promote(self, most: int, *, fate: Fate) -> None:

        async def work(session: Session) -> list[str]:
            return sorted(await promote(session, FLEET, most=most))

        def expect(_: Any) -> list[str]:
            ready = self.stage.observer.ready()
            chosen = {id_ for id_ in ready if not self.world.items[id_].ready}
            return upkeep.promote(self.world, most=most, chosen=chosen)

        self.take("promote", Step(FLEET, work, expect), fate=fate)

    def _advance(self, most: int, *, fate: Fate) -> None:

        async def work(session: Session) -> tuple[int, set[str]]:
            return await advance(session, FLEET, most=most)

        def expect(_: Any) -> tuple[int, set[str]]:
            return upkeep.advance(self.world, most=most, left=self.stage.observer.notes())

        self.take("advance", Step(FLEET, work, expect), fate=fate)


def _own(scope: Scope, leases: list[Lease]) -> list[Lease]:
    return [lease for lease in leases if scope.organization_id in {"", lease.organization_id}]
