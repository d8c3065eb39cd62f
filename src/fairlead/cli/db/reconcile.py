"""`fairlead db reconcile`: compare the slots of limited queues with the leases."""

from __future__ import annotations

from typing import Any

from fairlead.bootstrap import Resources
from fairlead.cli.create import done
from fairlead.cli.db.corrections import show_corrections
from fairlead.cli.output import AsJson, to_json
from fairlead.cli.running import command
from fairlead.db.tenancy import system
from fairlead.services.accounts import reconcile_slots

_OPERATOR = system("an operator's command")


@command
def reconcile(*, as_json: AsJson = False) -> None:
    """Compare the slots of limited queues with the leases at once, as maintenance does every half minute."""

    async def work(resources: Resources) -> list[Any]:
        async with resources.database.unit_of_work(_OPERATOR) as session:
            return [to_json(correction) for correction in await reconcile_slots(session, _OPERATOR)]

    show_corrections(done(work), as_json=as_json, title="Slots that were wrong")
