from __future__ import annotations

from functools import partial

import pytest
from structlog.testing import capture_logs
from tests.fixtures.items import FLEET
from tests.fixtures.mail_server import mail_server
from tests.fixtures.organizations import Tenant, make_tenant
from tests.fixtures.people import call, tell
from tests.fixtures.signing import URL, Account, Mailbox, make_account, token_in

from fairlead.db.session import Database
from fairlead.domain.tokens import token_hash
from fairlead.services.delivery import SmtpOptions, hand_over
from fairlead.services.item_rules import ItemInput
from fairlead.services.items import enqueue_items
from fairlead.services.mails import MAIL_ORGANIZATION, MAIL_QUEUE_NAME
from fairlead.services.verifications import request_by_mail
from fairlead.worker.mails import mail_app
from fairlead.worker.work_off import work_off

pytestmark = pytest.mark.anyio


@pytest.fixture
async def account(database: Database) -> Account:
    """Somebody with an account."""
    return await make_account(database)


async def _ask(database: Database, account: Account) -> None:
    await call(database, FLEET, request_by_mail, purpose="reset_password", email=account.user.email)


async def test_a_mail_that_cannot_leave_is_lost_for_nobody(database: Database, account: Account) -> None:
    """With the server down the mail waits for another attempt; then it leaves once, with the token that works."""
    mailbox = Mailbox(failure=ConnectionRefusedError("down"))
    await _ask(database, account)
    assert await mailbox.collect(database) == []
    [(status, attempts, payload)] = await tell(
        database, "select status, attempts, payload::text from queue_items where organization_id = :id",
        id=MAIL_ORGANIZATION,
    )  # fmt: skip
    assert status == "waiting"
    assert attempts >= 1  # the first pause may be none
    assert not any(prefix in payload for prefix in ("flr_", "flv_"))

    mailbox.failure = None
    await tell(database, "update queue_items set scheduled_for = now()")
    token = token_in(await mailbox.collect(database))

    [(kept,)] = await tell(database, "select token_hash from verifications")
    assert kept == token_hash(token)
    assert await mailbox.collect(database) == []


async def test_an_outage_is_told_once(database: Database, account: Account) -> None:
    """Of tries that fail one after another the first is a warning, and the next success says that it is over.

    Neither line holds what the mail server said: it may be an address, or what we signed in with.
    """
    mailbox = Mailbox(failure=ConnectionRefusedError(f"no mail for {account.user.email}"))
    app = mail_app(database, deliver=mailbox.take, url=URL)
    await _ask(database, account)
    with capture_logs() as logs:
        for failure in (mailbox.failure, mailbox.failure, None):
            mailbox.failure = failure
            await tell(database, "update queue_items set scheduled_for = now()")
            await work_off(database, app)
        await _ask(database, account)
        await work_off(database, app)

    told = [line for line in logs if line["event"] in {"mails_not_sent", "mails_sent_again"}]
    assert [(line["log_level"], line["code"]) for line in told] == [
        ("warning", "MAILS_NOT_SENT"),
        ("info", "MAILS_SENT_AGAIN"),
    ]
    assert told[0]["error"] == "ConnectionRefusedError"
    assert account.user.email not in repr(told)


async def test_a_later_mail_takes_the_place_of_an_earlier_one(database: Database, account: Account) -> None:
    """Of two requests that wait, the one that is sent first is the only one that is sent."""
    for _ in range(2):
        await _ask(database, account)

    assert len(await Mailbox().collect(database)) == 1


async def test_a_request_that_waited_too_long_is_not_sent(database: Database, account: Account) -> None:
    """Whoever asked a week ago gets nothing any more."""
    await _ask(database, account)
    await tell(database, "update verifications set expires_at = now()")

    assert await Mailbox().collect(database) == []


async def test_a_queue_of_the_same_name_sends_nothing(database: Database) -> None:
    """An organization that called a queue like ours when it could has its items refused, whatever they say."""
    other: Tenant = await make_tenant(database, name=MAIL_QUEUE_NAME)
    items = [ItemInput({"kind": "verification", "id": "x"})]
    await call(database, other.scope, enqueue_items, queue_id=other.queue_id, items=items)

    assert await Mailbox().collect(database) == []
    [(status,)] = await tell(database, "select status from queue_items")
    assert status == "failed"


async def test_a_real_server_that_comes_back(database: Database, account: Account) -> None:
    """What was asked for while the mail server was down arrives there when it is up again."""
    async with mail_server() as (_, port):
        pass
    deliver = partial(hand_over, options=SmtpOptions("127.0.0.1", port, "mails@queues.test"))
    app = mail_app(database, deliver=deliver, url=URL)
    await _ask(database, account)
    first, *_ = await work_off(database, app)
    assert first.status == "waiting"
    assert "Connect" in (first.error_message or "")

    await tell(database, "update queue_items set scheduled_for = now()")
    async with mail_server(port) as (kept, _):
        await work_off(database, app)

    [message] = kept.messages
    assert message["To"] == account.user.email
    assert "flr_" in message.get_payload()
