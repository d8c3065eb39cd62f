"""Accounts, as somebody who wants to sign in names them: by an address, known or not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from fairlead.db.session import Session
from fairlead.db.statement import Statement
from fairlead.db.tenancy import SystemScope
from fairlead.domain import json_values
from fairlead.domain.ids import is_id

_FOUND: Final = """
select u.id, u.email, c.secret_hash,
    exists (select from sessions s where s.user_id = u.id and s.address = :address)
from users u
left join credentials c on c.provider = 'password' and c.account_id = u.id
""".strip()
BY_EMAIL: Final = Statement("{found}\nwhere u.email = :email and u.deleted_at is null", found=_FOUND)
BY_ID: Final = Statement("{found}\nwhere u.id = :user_id and u.deleted_at is null", found=_FOUND)


@dataclass(frozen=True, slots=True)
class Account:
    """What is known of an account before anybody has proved to be its owner; `usual`: the address signed in before."""

    email: str
    user_id: str | None = None
    secret_hash: str | None = field(default=None, repr=False)
    usual: bool = False


async def find_account(session: Session, _scope: SystemScope, *, email: str, address: str) -> Account:
    """Return the account with a canonical address, as seen from a network address; an empty one where nobody has it."""
    if json_values.problem(email):
        return Account(email)
    rows = await session.run(BY_EMAIL, {"email": email, "address": address})
    return _account(rows[0]) if rows else Account(email)


async def find_own_account(session: Session, _scope: SystemScope, *, user_id: str, address: str) -> Account | None:
    """Return a user's account, or None where the user is gone."""
    rows = await session.run(BY_ID, {"user_id": user_id, "address": address}) if is_id(user_id) else []
    return _account(rows[0]) if rows else None


def _account(row: tuple[object, ...]) -> Account:
    user_id, email, secret_hash, usual = row
    return Account(
        email=str(email),
        user_id=str(user_id),
        secret_hash=None if secret_hash is None else str(secret_hash),
        usual=bool(usual),
    )
