"""Passwords: hashing them with Argon2id, and keeping the hash as a user's credential.

Hashing takes 19 MiB and some 20 ms on purpose. It happens on as many threads as there are cores, so that no flood of
sign-ins takes more of either, and never inside a transaction, which would hold a connection meanwhile.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib import resources
from typing import Final, NamedTuple, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError
from argon2.profiles import CHEAPEST

from fairlead.db.rows import NOW, find_row, insert_row, update_row
from fairlead.db.session import Session
from fairlead.db.tenancy import SystemScope
from fairlead.domain.ids import new_id
from fairlead.domain.passwords import canonical_password, password_problem
from fairlead.errors import Busy
from fairlead.queries.users import get_user
from fairlead.rows import Credential
from fairlead.schema.credentials import Credential as CredentialTable
from fairlead.services import audit
from fairlead.services.checks import refuse

Made = TypeVar("Made")

PASSWORD: Final = "password"  # noqa: S105 - the name of a provider of credentials, not a secret
_WAITING: Final = 200  # hashes asked for and not begun: some seconds' worth; who comes then is told to come again
_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_QUICK: Final = PasswordHasher.from_parameters(CHEAPEST)


class Checked(NamedTuple):
    """Whether a password is the right one; `renewed` is a new hash of it where the one kept is weaker than today's."""

    right: bool
    renewed: str | None = None


class Passwords:
    """The threads that hash; safe to close twice. `quick` hashes in a millisecond, for tests of other things."""

    def __init__(self, *, quick: bool = False) -> None:
        self._hasher = _QUICK if quick else _HASHER
        self._threads = ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="passwords")
        self._waiting = 0

    async def hashed(self, password: str) -> str:
        """Return the hash of a password, salt and parameters included. Raises Busy when too many are asked for."""
        return await self._on_thread(lambda: self._hasher.hash(canonical_password(password)))

    async def check(self, password: str, *, against: str | None) -> Checked:
        """Tell whether a password is the one of a hash; where there is none it takes just as long to say no."""
        return await self._on_thread(lambda: self._check(canonical_password(password), against))

    def close(self) -> None:
        """End the threads, and forget what has not begun."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _check(self, password: str, against: str | None) -> Checked:
        nobodys = _hash_of_nobody(self._hasher)  # made once, whoever is the first to ask
        try:
            self._hasher.verify(against or nobodys, password)
        except (VerifyMismatchError, VerificationError, InvalidHashError, UnicodeEncodeError):
            return Checked(right=False)
        if against is None:
            return Checked(right=False)
        return Checked(right=True, renewed=self._hasher.hash(password) if self._is_weaker(against) else None)

    def _is_weaker(self, kept: str) -> bool:
        return self._hasher.check_needs_rehash(kept)

    async def _on_thread(self, work: Callable[[], Made]) -> Made:
        if self._waiting >= _WAITING:
            raise Busy("Too many passwords are being checked at this moment; try again.")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1


def refuse_weak(password: str, *, email: str = "", field: str = "password") -> None:
    """Raise ValidationFailed for a password that is too short, too long or among those that everybody tries first."""
    refuse({field: password_problem(password, common=_common(), email=email)})


async def set_password(
    session: Session, scope: SystemScope, *, user_id: str, secret_hash: str, actor: audit.Actor = audit.OPERATOR
) -> None:
    """Let a user sign in with the password of a hash, and with no other. Raises NotFound."""
    user = await get_user(session, scope, user_id=user_id)
    key = {"provider": PASSWORD, "account_id": user_id}
    if await find_row(session, scope, CredentialTable, key=key, model=Credential) is None:
        values = {"id": new_id(), "user_id": user_id, **key, "secret_hash": secret_hash}
        await insert_row(session, scope, CredentialTable, values=values, model=Credential)
    else:
        await keep_renewed(session, scope, user_id=user_id, secret_hash=secret_hash)
    subject = audit.Subject("user", user_id, user.organization_id)
    await audit.record(session, scope, actor=actor, events=[audit.Event("user.password_set", subject)])


async def keep_renewed(session: Session, scope: SystemScope, *, user_id: str, secret_hash: str) -> None:
    """Keep another hash of the same password. Raises NotFound for a user who has none."""
    key = {"provider": PASSWORD, "account_id": user_id}
    values = {"secret_hash": secret_hash, "last_used_at": NOW}
    await update_row(session, scope, CredentialTable, key=key, values=values, model=Credential)


@cache
def _hash_of_nobody(hasher: PasswordHasher) -> str:
    return hasher.hash("the password of nobody")


@cache
def _common() -> frozenset[str]:
    text = resources.files(__package__).joinpath("common_passwords.txt").read_text(encoding="utf-8")
    return frozenset(line for line in text.splitlines() if not line.startswith("#"))
