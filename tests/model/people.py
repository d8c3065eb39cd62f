"""The state machine, second part: what people do with items."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from tests.model import changes as told
from tests.model.inputs import CHANGES, FATES, ORGANIZATIONS, PLACES, SEVERAL
from tests.model.machine import FLEET, Machine
from tests.model.steps import Fate, Step

from fairlead.db.session import Session
from fairlead.db.tenancy import TenantScope, tenant
from fairlead.services.items import cancel_items, delete_items, retry_items, update_item


class People(Machine):
    """What people do with items."""

    @precondition(lambda self: bool(self.world.items))
    @rule(place=ORGANIZATIONS, places=SEVERAL, seconds=st.sampled_from([None, 0, 2, 60]), fate=FATES)
    def cancel(self, place: int, places: list[int], seconds: int | None, fate: Fate) -> None:
        """Somebody cancels some items, perhaps another organization's."""
        self._cancel(tenant(self.organization(place)), self.items(places), seconds=seconds, fate=fate)

    @precondition(lambda self: bool(self.held()))
    @rule(place=PLACES, seconds=st.sampled_from([None, 0, 2, 60]), stopped=st.booleans(), fate=FATES)
    def cancel_what_is_held(self, place: int, seconds: int | None, stopped: bool, fate: Fate) -> None:
        """Somebody cancels what is being worked on, and its worker hears of it and stops, or does not."""
        held = self.held()
        first = held[place % len(held)]
        ids = [item.id for item in held if item.organization_id == first.organization_id][: 1 + place % 4]
        self._cancel(tenant(first.organization_id), ids, seconds=seconds, fate=fate)
        if stopped:
            self._end_cancelled(FLEET, [lease for lease in self.leases if lease.id in ids], fate=fate)

    def _cancel(self, scope: TenantScope, ids: list[str], *, seconds: int | None, fate: Fate) -> None:
        async def work(session: Session) -> set[tuple[str, str, bool]]:
            if not ids:
                return set()
            cancelled = await cancel_items(session, scope, item_ids=ids, deadline_seconds=seconds)
            return {(item.id, item.status_before.value, item.ended) for item in cancelled}

        def expect(_: Any) -> set[tuple[str, str, bool]]:
            return told.cancel(self.world, scope.organization_id, item_ids=ids, deadline_seconds=seconds)

        self.take("cancel", Step(scope, work, expect), fate=fate)

    @precondition(lambda self: bool(self.world.items))
    @rule(place=ORGANIZATIONS, places=SEVERAL, all_of_them=st.booleans(), fate=FATES)
    def retry(self, place: int, places: list[int], all_of_them: bool, fate: Fate) -> None:
        """Somebody retries some items, or whatever there is."""
        scope = tenant(self.organization(place))
        ids = list(self.world.items) if all_of_them else self.items(places)

        async def work(session: Session) -> set[str]:
            return {item.id for item in await retry_items(session, scope, item_ids=ids)} if ids else set()

        def expect(answer: Any) -> set[str]:
            chosen = answer if isinstance(answer, set) else set()
            return told.retry(self.world, scope.organization_id, item_ids=ids, chosen=chosen)

        self.take("retry", Step(scope, work, expect), fate=fate)

    @precondition(lambda self: bool(self.world.items))
    @rule(place=ORGANIZATIONS, places=SEVERAL, fate=FATES)
    def delete(self, place: int, places: list[int], fate: Fate) -> None:
        """Somebody deletes some items."""
        scope, ids = tenant(self.organization(place)), self.items(places)

        async def work(session: Session) -> set[str]:
            return set(await delete_items(session, scope, item_ids=ids)) if ids else set()

        def expect(_: Any) -> set[str]:
            return told.delete(self.world, scope.organization_id, item_ids=ids)

        self.take("delete", Step(scope, work, expect), fate=fate)

    @precondition(lambda self: bool(self.world.items))
    @rule(place=ORGANIZATIONS, which=PLACES, changes=CHANGES, fate=FATES)
    def update(self, place: int, which: int, changes: dict[str, Any], fate: Fate) -> None:
        """Somebody changes an item."""
        scope, ids = tenant(self.organization(place)), self.items([which])
        item_id = ids[0] if ids else "i" * 24

        async def work(session: Session) -> str:
            return (await update_item(session, scope, item_id=item_id, **changes)).id

        def expect(_: Any) -> str:
            return told.update(self.world, scope.organization_id, item_id=item_id, changes=changes)

        self.take("update", Step(scope, work, expect), fate=fate)
