"""Accounts and sessions as JSON. Passwords and tokens come in and go out here, and are in no representation."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from fairlead.domain import limits
from fairlead.domain.names import canonical_email, email_problem
from fairlead.wire.base import Received, Sent
from fairlead.wire.values import Name


def _email(text: str) -> str:
    canonical = canonical_email(text)
    if problem := email_problem(canonical):
        raise PydanticCustomError("value", "{problem}", {"problem": problem})
    return canonical


_LONGEST = limits.PASSWORD_BYTES[-1]
Email = Annotated[str, Field(max_length=limits.EMAIL_CHARACTERS, examples=["ada@example.com"]), AfterValidator(_email)]
NewPassword = Annotated[
    str,
    Field(
        max_length=_LONGEST,
        repr=False,
        description=f"{limits.PASSWORD_BYTES[0]} to {_LONGEST:,} bytes, not one of the common ones.",
        examples=["correct horse battery staple"],
    ),
]
Password = Annotated[str, Field(max_length=_LONGEST, repr=False, examples=["correct horse battery staple"])]
Token = Annotated[str, Field(max_length=100, repr=False)]
Code = Annotated[
    str,
    Field(
        max_length=40,
        repr=False,
        description="Six digits of the authenticator application, or a backup code.",
        examples=["492039"],
    ),
]
ReturnTo = Annotated[
    str,
    Field(
        max_length=500,
        pattern=r"^/([!-.0-\[\]-~][!-\[\]-~]*)?$",
        description="A path of this server to which the browser is sent in the end; not given, to nowhere.",
        examples=["/queues"],
    ),
]
AsCookie = Annotated[
    bool,
    Field(description="For browsers: the token is set as a cookie that no script can read, and is not in the answer."),
]


class SignUp(Received):
    """A new organization and its owner."""

    email: Email
    password: NewPassword
    name: Annotated[Name, Field(examples=["Ada Lovelace"])]
    organization: Annotated[Name, Field(examples=["Analytical Engines"])]


class ShowToken(Received):
    """A token that came by mail."""

    token: Annotated[Token, Field(examples=["flv_…"])]


class SignIn(Received):
    """An address and its password."""

    email: Email
    password: Password
    cookie: AsCookie = False


class BeginSignIn(Received):
    """Where to go after the sign-in, and how to call the organization that whoever has no account yet gets."""

    organization: Annotated[Name, Field(examples=["Analytical Engines"])] | None = None
    return_to: ReturnTo | None = None


class ProviderOut(Sent):
    """Somebody else who can say who one is."""

    name: str = Field(examples=["github"])


class BegunOut(Sent):
    """Where to send the browser."""

    url: str = Field(examples=["https://github.com/login/oauth/authorize?…"])


class SignInCode(Received):
    """The code of a second factor, with the challenge that the sign-in was answered with."""

    challenge: Annotated[Token, Field(examples=["flc_…"])]
    code: Code
    cookie: AsCookie = False


class ChangePassword(Received):
    """The password that is in force, and the one to come."""

    current_password: Password
    new_password: NewPassword


class RequestReset(Received):
    """Whose password is to be chosen anew."""

    email: Email


class ResetPassword(Received):
    """A token that came by mail, and the new password."""

    token: Annotated[Token, Field(examples=["flr_…"])]
    password: NewPassword


class ConfirmPassword(Received):
    """The password, shown again."""

    password: Password


class ConfirmCode(Received):
    """A code of the authenticator application."""

    code: Code


class MailRequested(Sent):
    """A mail is on its way to that address, if it is one to whom it can be sent."""

    email: str


class AccountOut(Sent):
    """A person, as they see themselves."""

    id: str
    email: str
    name: str
    image: str | None
    email_verified: bool
    created_at: datetime


class FoundedOrganizationOut(Sent):
    """A new organization."""

    id: str
    name: str
    slug: str


class FoundedQueueOut(Sent):
    """Its first queue."""

    id: str
    name: str


class VerifiedOut(Sent):
    """Whose address is verified now; after a sign-up also what was made."""

    user: AccountOut
    organization: FoundedOrganizationOut | None = None
    queue: FoundedQueueOut | None = None


class SessionOut(Sent):
    """One session. It ends at `idleExpiresAt` unless it is used, and at `expiresAt` in any case."""

    id: str
    address: str | None = Field(description="From where it began; of an IPv6 address its network.")
    user_agent: str | None
    created_at: datetime
    last_seen_at: datetime
    idle_expires_at: datetime
    expires_at: datetime
    current: bool = Field(default=False, description="Whether it is the one that asks.")


class SignedInOut(Sent):
    """A session that has begun. `token` is what to send as `Authorization: Bearer …`; null where it is a cookie."""

    token: str | None = Field(repr=False, examples=["fls_…"])
    session: SessionOut
    user: AccountOut


class EndedOut(Sent):
    """How many sessions were ended."""

    ended: int


class MeOut(Sent):
    """Who is signed in."""

    user: AccountOut
    second_factor: bool
    session_id: str


class OfferedFactorOut(Sent):
    """A second factor that is asked for once a code of it was confirmed."""

    secret: str = Field(repr=False, description="In base 32, to be typed into an authenticator application.")
    uri: str = Field(repr=False, description="The same, to be shown as a QR code.", examples=["otpauth://totp/…"])


class BackupCodesOut(Sent):
    """Codes for when the authenticator application is lost, each good once. They are shown this once."""

    backup_codes: list[str] = Field(repr=False)


class ConfirmedFactorOut(BackupCodesOut):
    """The backup codes of a factor that is in force now, and the session that goes on; every other one has ended."""

    session: SignedInOut
