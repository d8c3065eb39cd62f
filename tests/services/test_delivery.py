from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from email.header import decode_header, make_header
from email.utils import parsedate_to_datetime

import pytest
from tests.fixtures.mail_server import Kept, mail_server

from fairlead.domain.letters import Letter
from fairlead.errors import GiveUp
from fairlead.services.delivery import SmtpOptions, hand_over

pytestmark = pytest.mark.anyio


@pytest.fixture
async def server() -> AsyncIterator[tuple[Kept, SmtpOptions]]:
    """A real mail server in this process, and how to reach it."""
    async with mail_server() as (kept, port):
        yield kept, SmtpOptions("127.0.0.1", port, "Fairlead <mails@queues.test>")


def _letter(recipient: str = "ada@example.org", subject: str = "Hello") -> Letter:
    return Letter(recipient, subject, "A line.\n\n    flv_token\n")


async def test_a_letter_arrives_as_it_was_written(server: tuple[Kept, SmtpOptions]) -> None:
    """Sender, recipient, subject and text arrive, and the mail says that no person wrote it."""
    kept, options = server

    await hand_over(_letter(subject="Grüße"), options=options)

    [message] = kept.messages
    assert (message["From"], message["To"]) == ("Fairlead <mails@queues.test>", "ada@example.org")
    assert str(make_header(decode_header(message["Subject"]))) == "Grüße"
    assert message["Auto-Submitted"] == "auto-generated"
    assert parsedate_to_datetime(message["Date"]).tzinfo is not None
    assert "    flv_token" in message.get_payload()


async def test_a_refusal_for_good_ends_it(server: tuple[Kept, SmtpOptions]) -> None:
    """An address that the server refuses for good is given up; one that it refuses for now is tried again."""
    kept, options = server
    with pytest.raises(GiveUp):
        await hand_over(_letter("gone@example.org"), options=options)
    with pytest.raises(Exception, match="come again"):
        await hand_over(_letter("full@example.org"), options=options)
    assert kept.messages == []


async def test_a_server_that_is_down_is_tried_again() -> None:
    """When nobody listens the letter stays ours: the error is none that gives up."""
    listener = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    listener.close()
    await listener.wait_closed()
    with pytest.raises(OSError, match=str(port)):
        await hand_over(_letter(), options=SmtpOptions("127.0.0.1", port, "mails@queues.test"))


@pytest.mark.parametrize("recipient", ["a@b\r\nBcc: c@d", "a b@c", "", "@", "a@b, c@d", "<a@b>"])
async def test_no_address_begins_another_header(recipient: str) -> None:
    """What is no single address is given up before any server is asked."""
    with pytest.raises(GiveUp):
        await hand_over(_letter(recipient), options=SmtpOptions("127.0.0.1", 1, "mails@queues.test"))


def test_a_password_is_in_no_representation() -> None:
    """Printing the options or a letter shows neither the password nor the text."""
    assert "hunter2" not in repr(SmtpOptions("h", 25, "s", "u", "hunter2"))
    assert "flv_token" not in repr(_letter())
