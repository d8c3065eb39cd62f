"""Delivery: handing a letter over to a mail server, or, in development, keeping it where its developer finds it."""

from __future__ import annotations

from dataclasses import dataclass, field
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate, make_msgid, parseaddr
from typing import Any, Final

import aiosmtplib

from fairlead.db.rows import insert_row
from fairlead.db.session import Session
from fairlead.db.tenancy import SystemScope
from fairlead.domain.ids import new_id
from fairlead.domain.letters import Letter
from fairlead.errors import GiveUp
from fairlead.rows import KeptMail
from fairlead.schema.kept_mails import KeptMail as KeptMailTable

SECONDS: Final = 20.0
_FOR_GOOD: Final = range(500, 600)


@dataclass(frozen=True, slots=True)
class SmtpOptions:
    """Where mails are handed over. `start_tls` None takes it where the server offers it, True insists."""

    host: str
    port: int
    sender: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    use_tls: bool = False
    start_tls: bool | None = None


async def hand_over(letter: Letter, *, options: SmtpOptions) -> None:
    """Hand a letter over; once this returns it is the server's.

    Raises GiveUp for an address that cannot be written to or that the server refuses for good, and aiosmtplib's
    SMTPException or an OSError when another try makes sense.
    """
    message = _message(letter, options)
    try:
        await aiosmtplib.send(
            message,
            hostname=options.host,
            port=options.port,
            username=options.username,
            password=options.password,
            use_tls=options.use_tls,
            start_tls=None if options.use_tls else options.start_tls,
            timeout=SECONDS,
        )
    except aiosmtplib.SMTPRecipientsRefused as error:
        if all(refused.code in _FOR_GOOD for refused in error.recipients):
            raise GiveUp("the mail server refuses this address") from None
        raise


async def keep(session: Session, scope: SystemScope, *, letter: Letter) -> None:
    """Keep a letter in the database, token and all: for development only."""
    values: dict[str, Any] = {"recipient": letter.recipient, "subject": letter.subject, "body": letter.body}
    await insert_row(session, scope, KeptMailTable, values={"id": new_id(), **values}, model=KeptMail)


def _message(letter: Letter, options: SmtpOptions) -> EmailMessage:
    """Write a letter as a message; a header takes nothing that would begin another one."""
    message = EmailMessage()
    name, sender = parseaddr(options.sender)
    try:
        message["From"] = Address(name, addr_spec=sender)
        message["To"] = Address(addr_spec=letter.recipient)
        message["Subject"] = letter.subject
    except (MessageError, ValueError, IndexError) as error:
        raise GiveUp("no mail can be written to this address") from error
    message["Date"] = formatdate(usegmt=True)
    message["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2])
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(letter.body)
    return message
