"""Mails: each is an item of a queue of Fairlead's own, so that a mail server that is down loses none.

An item holds no secret: it names what the mail is about, and the token is made when the mail is sent. The queue is that
of an internal organization, of which nobody is a member; both are made when the first mail is asked for. No other
queue can be given its name any more (`services/queue_rules.py`); one may have had it before that was so, hence whoever
works it looks at the organization, too.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final, Literal, TypeAlias

from fairlead.db.rows import insert_row
from fairlead.db.session import Session
from fairlead.db.tenancy import SystemScope, tenant
from fairlead.errors import Conflict
from fairlead.queries.queues import find_queue_ids
from fairlead.rows import Organization, Queue
from fairlead.schema.organizations import Organization as OrganizationTable
from fairlead.schema.queues import Queue as QueueTable
from fairlead.services.item_rules import ItemInput
from fairlead.services.items import enqueue_items
from fairlead.services.queue_rules import OWN_NAMES

MailKind: TypeAlias = Literal["verification", "invitation"]

MAIL_ORGANIZATION: Final = "fairleadmails00000000000"
MAIL_QUEUE: Final = "fairleadmailqueue0000000"
MAIL_QUEUE_NAME: Final = f"{OWN_NAMES}mail"
# Some days of trying, every five minutes at last.
_RULES: Final = {
    "max_attempts": 1000,
    "backoff_base_seconds": 2.0,
    "backoff_cap_seconds": 300.0,
    "max_concurrency": None,
    "retention_seconds": 24 * 3600,
}


async def request_mail(
    session: Session,
    scope: SystemScope,
    *,
    kind: MailKind,
    subject_id: str,
    organization_id: str | None = None,
) -> None:
    """Have a mail sent once the transaction is committed; announce MAIL_QUEUE then.

    `subject_id` is the verification or the invitation it is about, `organization_id` that of the invitation.
    """
    await _ensure_queue(session, scope)
    item = ItemInput({"kind": kind, "id": subject_id, "organizationId": organization_id}, task=kind)
    await enqueue_items(session, tenant(MAIL_ORGANIZATION), queue_id=MAIL_QUEUE, items=[item])


async def _ensure_queue(session: Session, scope: SystemScope) -> None:
    """Make the organization and its queue; who makes them at the same moment waits, and finds them."""
    if await find_queue_ids(session, tenant(MAIL_ORGANIZATION), queue_ids={MAIL_QUEUE}):
        return
    with suppress(Conflict):
        async with session.savepoint():
            values = {"id": MAIL_ORGANIZATION, "name": "Fairlead's mails", "slug": "fairlead-mails"}
            await insert_row(session, scope, OrganizationTable, values=values, model=Organization)
            keys = {"id": MAIL_QUEUE, "organization_id": MAIL_ORGANIZATION, "name": MAIL_QUEUE_NAME}
            await insert_row(session, scope, QueueTable, values={**keys, **_RULES}, model=Queue)
