"""The worker of mails, which `fairlead serve` and `fairlead dev` carry beside the API."""

from __future__ import annotations

from contextlib import AsyncExitStack
from functools import partial

from fairlead.bootstrap import Resources
from fairlead.cli.output import messages
from fairlead.db.tenancy import system
from fairlead.domain.letters import Letter
from fairlead.runtime.signals import StopSignals
from fairlead.services.delivery import hand_over, keep
from fairlead.worker.mails import Deliver, mail_app
from fairlead.worker.main import Worker, WorkerOptions

_SCOPE = system("keep mails in development")


async def run_mails(
    stack: AsyncExitStack, resources: Resources, *, stop: StopSignals, url: str, kept: bool = False
) -> None:
    """Send mails until the stack is left; `kept` keeps them in the database where no mail server is named.

    Without either they wait in their queue, and that is said.
    """
    deliver = _delivery(resources, kept=kept)
    if deliver is None:
        messages.print(
            "FAIRLEAD_SMTP_URL is not set: mails (to verify an address, to reset a password) wait until it is."
        )
        return
    app = mail_app(resources.database, deliver=deliver, url=resources.public_url or url)
    worker = Worker(resources, app, options=WorkerOptions(concurrency=4))
    await worker.start()
    stack.push_async_callback(worker.drain, stop.release)


def _delivery(resources: Resources, *, kept: bool) -> Deliver | None:
    if resources.smtp is not None:
        return partial(hand_over, options=resources.smtp)
    if not kept:
        return None

    async def keep_it(letter: Letter) -> None:
        async with resources.database.unit_of_work(_SCOPE) as session:
            await keep(session, _SCOPE, letter=letter)

    return keep_it
