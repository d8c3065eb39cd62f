"""The state machine, third part: queues and limits change under the work, and the accounts are kept."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, TypeAlias

from hypothesis import strategies as st
from hypothesis.stateful import rule
from tests.model import changes as told
from tests.model.inputs import FATES, LIMIT, LIMITS, PLACES, QUEUE_LIMITS
from tests.model.machine import FLEET
from tests.model.people import People
from tests.model.steps import Fate, Step
from tests.model.world import Queue

from fairlead.db.session import Session
from fairlead.db.tenancy import TenantScope, tenant
from fairlead.engine.fold import fold, recount
from fairlead.engine.reconcile import reconcile
from fairlead.services.organizations import update_organization
from fairlead.services.queues import (
    create_queue,
    delete_queue,
    pause_queue,
    restore_queue,
    resume_queue,
    soft_delete_queue,
    update_queue,
)

QUEUES = 4  # at most
PAUSE_SECONDS = 10
Change: TypeAlias = Callable[..., Awaitable[object]]
ACTIONS: Final[dict[str, tuple[Change, Callable[..., None]]]] = {
    "resume": (resume_queue, told.resume),
    "restore": (restore_queue, told.restore_queue),
    "pause": (pause_queue, partial(told.pause, resume_at=None)),
    "hide": (soft_delete_queue, told.hide_queue),
    "delete": (delete_queue, told.delete_queue),
}


class Administration(People):
    """The machine with all its rules."""

    @rule(place=PLACES, name=LIMITS, most=LIMIT, fate=FATES)
    def limit(self, place: int, name: str, most: int | None, fate: Fate) -> None:
        """Somebody sets or lifts a limit of a queue or of an organization."""
        changes: dict[str, Any] = {name.removesuffix(" of all"): most}
        if name in QUEUE_LIMITS:
            expected = partial(told.limit_queue, changes=changes)
            self._change("limit queue", place, partial(update_queue, **changes), expected, fate=fate)
        else:
            self._limit_organization(tenant(self.organization(place)), changes, fate=fate)

    def _limit_organization(self, scope: TenantScope, changes: dict[str, Any], *, fate: Fate) -> None:
        async def work(session: Session) -> None:
            await update_organization(session, scope, organization_id=scope.organization_id, **changes)

        def expect(_: Any) -> None:
            told.limit_organization(self.world, scope.organization_id, changes=changes)

        self.take("limit organization", Step(scope, work, expect), fate=fate)

    @rule(place=PLACES, action=st.sampled_from([*ACTIONS, "pause a while", "create", "resume", "restore"]), fate=FATES)
    def administer(self, place: int, action: str, fate: Fate) -> None:
        """Somebody pauses, opens, hides, restores or deletes a queue, or makes one where others were deleted."""
        if action == "create":
            self._create_queue(place, fate=fate)
        elif action == "pause a while":
            self._pause_a_while(place, fate=fate)
        else:
            self._change(action, place, *ACTIONS[action], fate=fate)

    def _pause_a_while(self, place: int, *, fate: Fate) -> None:
        end = self.world.now + PAUSE_SECONDS
        change = partial(pause_queue, resume_at=datetime.fromtimestamp(end, UTC))
        self._change("pause", place, change, partial(told.pause, resume_at=end), fate=fate)

    def _change(self, name: str, place: int, change: Change, expected: Callable[..., None], *, fate: Fate) -> None:
        scope, queue_id = self.queue(place)

        async def work(session: Session) -> None:
            await change(session, scope, queue_id=queue_id)

        def expect(_: Any) -> None:
            expected(self.world, scope.organization_id, queue_id=queue_id)

        self.take(name, Step(scope, work, expect), fate=fate)

    def _create_queue(self, place: int, *, fate: Fate) -> None:
        scope = tenant(self.organization(place))
        name = f"queue {self.stage.counts['steps']}"

        async def work(session: Session) -> str:
            return (await create_queue(session, scope, name=name, max_concurrency=None)).id

        def expect(answer: str) -> str:
            self.world.queues[answer] = Queue(answer, scope.organization_id)
            return answer

        if len(self.world.queues) < QUEUES:
            self.take("create queue", Step(scope, work, expect), fate=fate)

    def _keep_accounts(self, most: int, *, fate: Fate) -> None:
        """Fold the counters and find nothing to correct, in the counters or in the slots."""

        async def work(session: Session) -> tuple[int, list[Any]]:
            await fold(session, FLEET, most=most)
            queues = self.world.queues.values()
            wrong = [await recount(session, tenant(one.organization_id), queue_id=one.id) for one in queues]
            return sum(wrong), list(await reconcile(session, FLEET))

        self.take("keep accounts", Step(FLEET, work, lambda _: (0, [])), fate=fate)
