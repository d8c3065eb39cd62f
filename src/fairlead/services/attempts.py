"""Attempts at what could be guessed: counted before anything is compared, by `domain/budgets.py`.

An attempt has to be committed before its outcome is known, so that none is free: whoever makes one takes it in a
transaction of its own, compares after that, and gives it back in the next one when it succeeded.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from fairlead.db.buckets import give_back, take_tokens
from fairlead.db.session import Session
from fairlead.db.tenancy import SystemScope
from fairlead.domain.budgets import AttemptKind, Bucket, Take, takes_for
from fairlead.errors import TooManyAttempts


async def take_attempt(
    session: Session,
    scope: SystemScope,
    *,
    kind: AttemptKind,
    account: str,
    address: str,
    usual: bool = False,
    besides: Sequence[Take] = (),
) -> list[Take]:
    """Take one attempt at an account from an address; return what to give back when it succeeds.

    `usual` says that the address has signed in to the account before. Raises TooManyAttempts, saying when to try again.
    """
    takes = [*takes_for(kind, account=account, address=address, usual=usual), *besides]
    if seconds := await take_tokens(session, scope, takes=takes):
        raise TooManyAttempts(retry_after_seconds=math.ceil(seconds))
    return takes


async def return_attempt(session: Session, scope: SystemScope, *, takes: Sequence[Take]) -> None:
    """Give an attempt back that succeeded."""
    await give_back(session, scope, takes=takes)


def single(name: str, *, burst: int, every_seconds: float) -> Take:
    """Return a take of a bucket for one thing alone."""
    return Take(name, Bucket(burst, every_seconds))
