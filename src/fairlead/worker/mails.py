"""Mails: the application that works Fairlead's own queue of mails: it makes the token, and hands the letter over.

A mail that could not be handed over is tried again with a new token, for days; one whose address the server refuses for
good is given up. The token is committed before the letter leaves, so that none is out that does not work. The log says
once that mails begin to fail, and once that they go out again, never what the mail server said: it may be an address.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeAlias

import structlog

from fairlead.db.session import Database
from fairlead.db.tenancy import system
from fairlead.domain.letters import Letter
from fairlead.errors import GiveUp
from fairlead.services.invitations import write_invitation
from fairlead.services.mails import MAIL_ORGANIZATION, MAIL_QUEUE_NAME
from fairlead.services.verifications import write_letter
from fairlead.worker.context import Item
from fairlead.worker.registry import App

Deliver: TypeAlias = Callable[[Letter], Awaitable[None]]

TIMEOUT_SECONDS: Final = 60.0
_SCOPE: Final = system("write mails")
_NOT_SENT: Final = (
    "Mails are not taken; they wait and are tried again, every five minutes at last. "
    "Look at FAIRLEAD_SMTP_URL and at the mail server."
)
_log = structlog.get_logger(__name__)


class _Outage:
    """Whether mails fail, as this process has last seen it; only a change is told."""

    def __init__(self) -> None:
        self._lasts = False

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Hand one letter over in this block. An address that is refused tells nothing about the others."""
        try:
            yield
        except GiveUp:
            raise
        except Exception as error:
            if not self._lasts:
                self._lasts = True
                _log.warning("mails_not_sent", code="MAILS_NOT_SENT", error=type(error).__name__, hint=_NOT_SENT)
            raise
        if self._lasts:
            self._lasts = False
            _log.info("mails_sent_again", code="MAILS_SENT_AGAIN", hint="The mail server takes mails again.")


def mail_app(database: Database, *, deliver: Deliver, url: str) -> App:
    """Return the application; `url` is where the API is found from outside, never what a request called it."""
    app, outage = App(), _Outage()

    @app.handler(MAIL_QUEUE_NAME, timeout_seconds=TIMEOUT_SECONDS)
    async def send(item: Item) -> dict[str, Any]:
        """Send one mail."""
        if item.organization_id != MAIL_ORGANIZATION:
            raise GiveUp("this name is that of Fairlead's own queue of mails; call the queue something else")
        letter = await _written(database, item.payload, url)
        if letter is None:
            return {"sent": False}
        with outage.watched():
            await deliver(letter)
        _log.info("mail_sent", item_id=item.id, subject=letter.subject)
        return {"sent": True}

    return app


async def _written(database: Database, payload: dict[str, Any], url: str) -> Letter | None:
    async with database.unit_of_work(_SCOPE) as session:
        if payload["kind"] == "verification":
            return await write_letter(session, _SCOPE, verification_id=payload["id"], url=url)
        if payload["kind"] == "invitation":
            whose = {"organization_id": payload["organizationId"], "invitation_id": payload["id"]}
            return await write_invitation(session, _SCOPE, **whose, url=url)
    raise GiveUp(f"there is no mail of the kind {payload['kind']!r}")
