"""Letters: what the mails say. Plain text; whoever reads one may be anybody, so none says more than it must."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail; the body may hold a token, and is in no representation."""

    recipient: str
    subject: str
    body: str = field(repr=False)


# In ASCII, so that no mail program has to decode what stands beside a token.
_VERIFY: Final = '{"token": "..."}'
_RESET: Final = '{"token": "...", "password": "..."}'
_JOIN: Final = '{"token": "...", "name": "...", "password": "..."}'
_NOT_YOU: Final = "If this was not you, do nothing: without the token nothing happens."


def sign_up_letter(recipient: str, *, token: str, organization: str, url: str) -> Letter:
    """Ask the owner of an address whether they signed up."""
    said = f"Somebody, we hope you, signed up with this address for the organization '{organization}'."
    return Letter(
        recipient, "Confirm your address", _asking(said, f"{url}/api/auth/verify", _VERIFY, token, within="a day")
    )


def known_letter(recipient: str, *, url: str) -> Letter:
    """Tell the owner of an account that somebody wanted to sign up with its address."""
    said = "Somebody, perhaps you, wanted to sign up with this address, which has an account already."
    body = f"{said}\n\nSign in at {url}, or ask for a new password there. If this was not you, do nothing.\n"
    return Letter(recipient, "You have an account already", body)


def verification_letter(recipient: str, *, token: str, url: str) -> Letter:
    """Ask a user to confirm an address."""
    said = "This address was given as that of an account."
    return Letter(
        recipient, "Confirm your address", _asking(said, f"{url}/api/auth/verify", _VERIFY, token, within="a day")
    )


def reset_letter(recipient: str, *, token: str, url: str) -> Letter:
    """Let the owner of an account choose a new password."""
    said = "Somebody, we hope you, asked for a new password for this account."
    return Letter(
        recipient, "Choose a new password", _asking(said, f"{url}/api/auth/reset", _RESET, token, within="an hour")
    )


def invitation_letter(recipient: str, *, token: str, organization: str, inviter: str, role: str, url: str) -> Letter:
    """Offer a role in an organization to whoever reads an address's mail."""
    said = f"{inviter} invites you to the organization '{organization}', in the role '{role}'."
    address = f"{url}/api/auth/invitations/sign-up"
    body = _asking(said, address, _JOIN, token, within="seven days")
    account = f"If you have an account with this address, sign in and send it to {url}/api/auth/invitations/accept."
    return Letter(recipient, f"An invitation to {organization}", f"{body}\n{account}\n")


def _asking(said: str, address: str, shape: str, token: str, *, within: str) -> str:
    return f"{said}\n\nSend this token to {address} as {shape} within {within}:\n\n    {token}\n\n{_NOT_YOU}\n"
