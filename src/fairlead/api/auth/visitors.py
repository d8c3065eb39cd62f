"""Whoever comes without a credential, or to change their own: what handlers of `auth/…` are given.

A browser sends these requests, too, and some of them answer with a cookie: one that says where it comes from must come
from our own pages. Other programs say nothing of the kind.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import Depends, Path
from pydantic import AfterValidator
from starlette.requests import Request
from starlette.responses import Response

from fairlead.api.addresses import client_of
from fairlead.api.answers import one
from fairlead.api.cookies import keep_token
from fairlead.api.credentials import refuse_other_origins
from fairlead.api.deps import CheckedRoute, known_form
from fairlead.bootstrap import Resources
from fairlead.db.session import Session
from fairlead.db.tenancy import system
from fairlead.queries.sign_ins import find_account
from fairlead.services.access import Person
from fairlead.services.attempts import take_attempt
from fairlead.services.audit import Actor
from fairlead.services.mails import MAIL_QUEUE
from fairlead.services.passwords import Checked, Passwords
from fairlead.services.sessions import Client, StartedSession
from fairlead.services.sign_ins import Attempt, begin_confirmation
from fairlead.wire.auth import AccountOut, SessionOut, SignedInOut
from fairlead.wire.values import EXAMPLE_ID

SCOPE: Final = system("what people do with their own account")
OPEN: Final[dict[str, Any]] = {"security": []}  # of an operation that needs no credential
OWN: Final[dict[str, Any]] = {"security": [{"session": []}, {"cookie": []}]}  # of one for whoever is signed in


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who is at the door, and what the process works with."""

    client: Client
    resources: Resources
    passwords: Passwords

    @property
    def actor(self) -> Actor:
        """The visitor as the audit trail names them, as long as nobody knows who it is."""
        return Actor("system", request_id=self.client.request_id)

    def unit_of_work(self) -> AbstractAsyncContextManager[Session]:
        """Open a transaction."""
        return self.resources.database.unit_of_work(SCOPE)

    async def mail_asked(self, *, email: str) -> None:
        """Count that a mail to an address is asked for; raises TooManyAttempts."""
        address = self.client.address
        async with self.unit_of_work() as session:
            usual = (await find_account(session, SCOPE, email=email, address=address)).usual
            await take_attempt(session, SCOPE, kind="mail", account=email, address=address, usual=usual)

    async def token_shown(self, token: str) -> None:
        """Count that a token is shown, by the address that shows it and by the token; raises TooManyAttempts."""
        async with self.unit_of_work() as session:
            await take_attempt(session, SCOPE, kind="token", account=token, address=self.client.address)

    async def code_shown(self, person: Person) -> None:
        """Count that somebody signed in shows a code; raises TooManyAttempts."""
        async with self.unit_of_work() as session:
            await take_attempt(session, SCOPE, kind="code", account=person.user_id, address=self.client.address)

    async def password_checked(self, person: Person, *, password: str) -> tuple[Attempt, Checked]:
        """Count an attempt of somebody signed in to show their password again, and compare it."""
        async with self.unit_of_work() as session:
            attempt = await begin_confirmation(session, SCOPE, person=person, client=self.client)
        return attempt, await self.passwords.check(password, against=attempt.account.secret_hash)

    def announce_mail(self) -> None:
        """Let the mail that was just asked for be sent."""
        self.resources.notifier.announce(MAIL_QUEUE)


class VisitorRoute(CheckedRoute):
    """A route for anybody."""

    @staticmethod
    async def authenticate(request: Request) -> None:
        """Refuse what a page of another site made a browser send."""
        if "sec-fetch-site" in request.headers or "origin" in request.headers:
            refuse_other_origins(request)


async def _visitor(request: Request) -> Visitor:
    state = request.app.state
    return Visitor(client_of(request), state.resources, state.passwords)


AnyVisitor = Annotated[Visitor, Depends(_visitor)]
SessionId = Annotated[str, Path(alias="sessionId", examples=[EXAMPLE_ID]), AfterValidator(known_form)]


def signed_in(started: StartedSession, *, as_cookie: bool) -> SignedInOut:
    """Return what a session that has begun is answered with."""
    shown = SessionOut.model_validate(started.session).model_copy(update={"current": True})
    token = None if as_cookie else started.token
    return SignedInOut(token=token, session=shown, user=AccountOut.model_validate(started.user))


def answer_signed_in(request: Request, started: StartedSession, *, as_cookie: bool) -> Response:
    """Answer with a session that has begun, its token in the answer or in a cookie."""
    response = one(signed_in(started, as_cookie=as_cookie), SignedInOut)
    if as_cookie:
        keep_token(request, response, token=started.token)
    return response


def shows_cookie(request: Request) -> bool:
    """Tell whether a request was let in by its cookie, so that what replaces its token goes there, too."""
    return "authorization" not in request.headers
