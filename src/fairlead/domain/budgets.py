"""Budgets: how often something that could be guessed, or that sends mail, may be tried, by whom.

Each attempt takes from several buckets at once, and happens only when all of them have something left:

- `pair`: one account from one address.  What somebody at their usual address is held to, and what stops a burst.
- `address`: one address, whichever accounts it tries.
- `strangers`: one account from every address that never signed in to it, together.  Guesses that are spread over many
  addresses end here.
- `overall`: everything from addresses that are nobody's usual one, together.

Whoever tries from an address that has signed in to that account before takes from the first two only: no attack from
elsewhere can lock a person out there. An attempt that succeeds is given back. No bucket's name tells whose it is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

AttemptKind: TypeAlias = Literal["sign_in", "code", "mail", "token"]


@dataclass(frozen=True, slots=True)
class Bucket:
    """How many attempts are free at once, and after how many seconds there is another one."""

    burst: int
    every_seconds: float


@dataclass(frozen=True, slots=True)
class Take:
    """So many tokens of one bucket."""

    name: str
    bucket: Bucket
    tokens: int = 1


@dataclass(frozen=True, slots=True)
class Budget:
    """The buckets of one kind of attempt."""

    pair: Bucket
    address: Bucket
    strangers: Bucket
    overall: Bucket


BUDGETS: Final[dict[AttemptKind, Budget]] = {
    # Passwords.
    "sign_in": Budget(pair=Bucket(10, 60), address=Bucket(100, 6), strangers=Bucket(20, 60), overall=Bucket(2000, 0.1)),
    # The six digits of a second factor, which whoever has the password could try through.
    "code": Budget(pair=Bucket(5, 300), address=Bucket(50, 30), strangers=Bucket(10, 600), overall=Bucket(1000, 1)),
    # Whatever sends a mail to an address that somebody typed.
    "mail": Budget(pair=Bucket(5, 600), address=Bucket(30, 60), strangers=Bucket(10, 600), overall=Bucket(1000, 1)),
    # Tokens of mails: nobody guesses 256 bits, but trying costs us something.
    "token": Budget(pair=Bucket(30, 10), address=Bucket(60, 5), strangers=Bucket(60, 5), overall=Bucket(10_000, 0.01)),
}


def bucket_name(kind: str, *parts: str) -> str:
    """Return the name of the bucket of something; `parts` say what kind of one, and whose."""
    digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
    return f"{kind}:{parts[0]}:{digest}"


def takes_for(kind: AttemptKind, *, account: str, address: str, usual: bool) -> list[Take]:
    """Return what one attempt takes; `usual` says that the address has signed in to the account before."""
    return list(_takes(kind, account=account, address=address, usual=usual))


def _takes(kind: AttemptKind, *, account: str, address: str, usual: bool) -> Iterator[Take]:
    budget = BUDGETS[kind]
    yield Take(bucket_name(kind, "pair", account, address), budget.pair)
    yield Take(bucket_name(kind, "address", address), budget.address)
    if not usual:
        yield Take(bucket_name(kind, "strangers", account), budget.strangers)
        yield Take(bucket_name(kind, "overall"), budget.overall)
