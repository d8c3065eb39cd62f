"""How a run of migrations is told while it is at work: a line an event, on standard error."""

from __future__ import annotations

from fairlead.cli.output import messages
from fairlead.db.migrating.events import Event, Running, Tell


def teller(*, verbose: bool = False) -> Tell:
    """Return what prints the events; each single statement only when wanted."""

    def tell(event: Event) -> None:
        if verbose or not isinstance(event, Running):
            messages.print(str(event), markup=False, soft_wrap=True)

    return tell
