"""Enqueueing where the depth is limited or items are to be unique, all or none.

A key that somebody else holds is looked up and its policy followed; one that its holder has given up meanwhile is tried
again. Keys that come twice in one batch are the same item: the first one's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal, TypeAlias

from fairlead.db.session import Session
from fairlead.db.tenancy import TenantScope
from fairlead.engine.enqueue import NewItem
from fairlead.engine.enqueue_limited import enqueue_limited, holders_of, room_for
from fairlead.engine.update import replace_payloads
from fairlead.errors import Conflict, QueueFull, TransactionConflict

OnConflict: TypeAlias = Literal["reject", "return", "replace"]
_STRICTEST: Final = ("return", "replace", "reject")  # of several that one key has in a batch, the last of these counts
TRIES: Final = 10  # each after the key's holder has given it up in the very moment it was asked for


async def enqueue_within_limits(
    session: Session,
    scope: TenantScope,
    *,
    queue_id: str,
    items: Sequence[NewItem],
    policies: Sequence[OnConflict],
) -> list[str]:
    """Enqueue `items` and return their ids or their keys' holders', in the order given.

    Raises NotFound, QueueFull, and Conflict for a key that is held where the policy is to reject.
    """
    async with session.savepoint():
        room = await room_for(session, scope, queue_id=queue_id)
        entering = _first_of_each_key(items, policies)
        named = {item.id: item.id for item in entering}
        asked = _policy_of_each_key(items, policies)
        left, entered = entering, sum(item.unique_key is None for item in entering)
        for _ in range(TRIES):
            _check_room(room, entered)
            made = await enqueue_limited(session, scope, queue_id=queue_id, items=left)
            entered += sum(item.unique_key is not None and item.id in made for item in left)
            left = [item for item in left if item.id not in made]
            if not left:
                _check_room(room, entered)
                return _ids(items, entering, named)
            left = await _held(session, scope, queue_id=queue_id, items=left, policies=asked, named=named)
        raise TransactionConflict


def _check_room(room: int | None, entered: int) -> None:
    """Raise QueueFull when more than there is room for entered, or will; what is there already needs no room."""
    if room is not None and entered > max(0, room):
        raise QueueFull(f"This queue takes {max(0, room):,} more item(s) now, not {entered:,}.")


async def _held(
    session: Session,
    scope: TenantScope,
    *,
    queue_id: str,
    items: Sequence[NewItem],
    policies: dict[str, OnConflict],
    named: dict[str, str],
) -> list[NewItem]:
    """Follow the policies for items whose keys were held, noting holders in `named`; return those to try again."""
    keyed = {item.unique_key: item for item in items if item.unique_key}
    holders = await holders_of(session, scope, queue_id=queue_id, keys=keyed)
    if rejected := sorted(key for key in holders if policies[key] == "reject"):
        raise Conflict(
            "An item with this unique key is there already.",
            details={"unique_key": ", ".join(map(repr, rejected)) + " is held by another item of this queue"},
        )
    replacing = {holder_id: keyed[key] for key, holder_id in holders.items() if policies[key] == "replace"}
    gone = replacing.keys() - await replaced(session, scope, queue_id=queue_id, holders=replacing)
    held = {keyed[key].id: holder_id for key, holder_id in holders.items() if holder_id not in gone}
    named.update(held)
    return [item for item in keyed.values() if item.id not in held]


async def replaced(
    session: Session, scope: TenantScope, *, queue_id: str, holders: Mapping[str, NewItem]
) -> frozenset[str]:
    """Give holders, by their ids, the payloads of the items whose keys they hold; return those that hold them still.

    A holder that keeps its key though it does not wait any more stays as it is. One that has just given up its key does
    not come back: the item may enter after all.
    """
    if not holders:
        return frozenset()
    payloads = {holder_id: item.payload for holder_id, item in holders.items()}
    done = await replace_payloads(session, scope, payloads=payloads)
    left = [item.unique_key for holder_id, item in holders.items() if holder_id not in done and item.unique_key]
    still = await holders_of(session, scope, queue_id=queue_id, keys=left) if left else {}
    return done | (holders.keys() & still.values())


def _policy_of_each_key(items: Sequence[NewItem], policies: Sequence[OnConflict]) -> dict[str, OnConflict]:
    asked: dict[str, OnConflict] = {}
    for item, policy in zip(items, policies, strict=True):
        if item.unique_key is not None:
            asked[item.unique_key] = max(policy, asked.get(item.unique_key, policy), key=_STRICTEST.index)
    return asked


def _first_of_each_key(items: Sequence[NewItem], policies: Sequence[OnConflict]) -> list[NewItem]:
    """Return the items that may enter: of those with one key the first, with the last payload where it replaces."""
    entering: dict[str, NewItem] = {}
    for item, policy in zip(items, policies, strict=True):
        key = item.unique_key or item.id
        if key not in entering:
            entering[key] = item
        elif policy == "reject":
            raise Conflict("Two of these items have the same unique key.", details={"unique_key": f"{key!r} twice"})
        elif policy == "replace":
            entering[key] = entering[key]._replace(payload=item.payload)
    return list(entering.values())


def _ids(items: Sequence[NewItem], entering: Sequence[NewItem], named: dict[str, str]) -> list[str]:
    by_key = {item.unique_key or item.id: named[item.id] for item in entering}
    return [by_key[item.unique_key or item.id] for item in items]
