"""`fairlead user password` and `remove-second-factor`: let somebody in who cannot sign in, without any mail."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from fairlead.bootstrap import Resources
from fairlead.cli.create import done
from fairlead.cli.output import messages
from fairlead.cli.running import command
from fairlead.db.session import Session
from fairlead.db.tenancy import system
from fairlead.errors import NotFound
from fairlead.queries.users import get_user_by_email
from fairlead.rows import User
from fairlead.services import audit
from fairlead.services.passwords import Passwords, refuse_weak, set_password
from fairlead.services.second_factors import remove_second_factor
from fairlead.services.sessions import end_sessions

_OPERATOR = system("an operator's command")
_Email = Annotated[str, typer.Argument(help="The address they sign in with.")]


@command
def password(email: _Email) -> None:
    """Set a user's password, asked for on a terminal or read from the first line of input; their sessions end."""
    chosen = _chosen()
    refuse_weak(chosen, email=email)

    async def work(resources: Resources) -> None:
        passwords = Passwords()
        secret_hash = await passwords.hashed(chosen)
        passwords.close()
        async with resources.database.unit_of_work(_OPERATOR) as session:
            user = await _user(session, email)
            await set_password(session, _OPERATOR, user_id=user.id, secret_hash=secret_hash)
            await end_sessions(session, _OPERATOR, user_id=user.id)

    done(work)
    messages.print("The password is set.")


@command
def remove_factor(email: _Email) -> None:
    """Ask a user, who has lost it, for no second factor any more; their sessions end.

    Make sure that it is they who ask for it: from then on the password alone lets in.
    """

    async def work(resources: Resources) -> None:
        async with resources.database.unit_of_work(_OPERATOR) as session:
            user = await _user(session, email)
            try:
                await remove_second_factor(session, _OPERATOR, user_id=user.id, actor=audit.Actor("operator"))
            except NotFound:
                raise NotFound(f"{user.email} has no second factor.") from None
            await end_sessions(session, _OPERATOR, user_id=user.id)

    done(work)
    messages.print("The second factor is removed.")


async def _user(session: Session, email: str) -> User:
    try:
        return await get_user_by_email(session, _OPERATOR, email=email)
    except NotFound:
        raise NotFound(f"There is no user with the address {email!r}.") from None


def _chosen() -> str:
    """Return a password that was typed, never one of the command line, which others on the machine can read."""
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\r\n")
