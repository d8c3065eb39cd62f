"""Enqueueing what callers who know nothing of each other ask for together: each item gets in, or is refused, by itself.

It is as if they had come one after the other: of several with one key the first enters and the others find it held, and
where there is no room for all the first ones take it. Who is refused undoes nothing of what the others did.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeAlias

from fairlead.db.session import Session
from fairlead.db.tenancy import TenantScope
from fairlead.engine.enqueue import NewItem
from fairlead.engine.enqueue_limited import enqueue_limited, holders_of, room_for
from fairlead.errors import Conflict, QueueFull, RequestError, TransactionConflict
from fairlead.services.unique_items import TRIES, OnConflict, replaced

Answer: TypeAlias = str | RequestError


class _Wish(NamedTuple):
    """An item to enter, and by their places those who ask for it, or for its key, the first of them first."""

    item: NewItem
    asked: dict[int, OnConflict]

    def entered(self) -> Iterator[tuple[int, Answer]]:
        """The first one's item is in; the others find it there."""
        first = min(self.asked)
        yield first, self.item.id
        yield from (answer for answer in self.held_by(self.item.id) if answer[0] != first)

    def held_by(self, holder_id: str) -> Iterator[tuple[int, Answer]]:
        """The key is held; each gets what its policy says to that."""
        return ((place, self._refusal() if policy == "reject" else holder_id) for place, policy in self.asked.items())

    def full(self) -> Iterator[tuple[int, Answer]]:
        """There is no room; each gets an own error."""
        return ((place, QueueFull()) for place in self.asked)

    def _refusal(self) -> Conflict:
        key = f"{self.item.unique_key!r} is held by another item of this queue"
        return Conflict("An item with this unique key is there already.", details={"unique_key": key})


async def enqueue_each(
    session: Session, scope: TenantScope, *, queue_id: str, items: Sequence[NewItem], policies: Sequence[OnConflict]
) -> list[Answer]:
    """Enqueue those of `items` that may enter; return for each its id, its key's holder's, or why it may not.

    Raises NotFound when there is no such queue here.
    """
    room = await room_for(session, scope, queue_id=queue_id)
    room = None if room is None else max(0, room)
    wishes, answers = _wishes(items, policies), dict[int, Answer]()
    for _ in range(TRIES):
        entering = [wish.item for wish in wishes[:room]]
        made = await enqueue_limited(session, scope, queue_id=queue_id, items=entering) if entering else frozenset()
        for wish in wishes:
            if wish.item.id in made:
                answers.update(wish.entered())
        room = None if room is None else room - len(made)
        left = [wish for wish in wishes if wish.item.id not in made]
        wishes = await _unheld(session, scope, queue_id=queue_id, wishes=left, answers=answers)
        if not wishes or room == 0:
            answers.update(answer for wish in wishes for answer in wish.full())
            return [answers[place] for place in range(len(items))]
    raise TransactionConflict


def _wishes(items: Sequence[NewItem], policies: Sequence[OnConflict]) -> list[_Wish]:
    """Return one wish for each key, with the last payload that is to replace another."""
    wishes: dict[str, _Wish] = {}
    for place, (item, policy) in enumerate(zip(items, policies, strict=True)):
        key = item.unique_key or item.id
        wish = wishes.get(key, _Wish(item, {}))
        wish.asked[place] = policy
        replaces = policy == "replace"
        wishes[key] = wish._replace(item=wish.item._replace(payload=item.payload)) if replaces else wish
    return list(wishes.values())


async def _unheld(
    session: Session, scope: TenantScope, *, queue_id: str, wishes: Sequence[_Wish], answers: dict[int, Answer]
) -> list[_Wish]:
    """Answer those whose keys are held; return the others, among them whose holder has given its key up just now."""
    keyed = {wish.item.unique_key: wish for wish in wishes if wish.item.unique_key}
    holders = await holders_of(session, scope, queue_id=queue_id, keys=keyed) if keyed else {}
    found = {holder_id: keyed[key] for key, holder_id in holders.items()}
    replacing = {holder_id: wish.item for holder_id, wish in found.items() if "replace" in wish.asked.values()}
    gone = replacing.keys() - await replaced(session, scope, queue_id=queue_id, holders=replacing)
    held = {wish.item.id: holder_id for holder_id, wish in found.items() if holder_id not in gone}
    for wish in wishes:
        if wish.item.id in held:
            answers.update(wish.held_by(held[wish.item.id]))
    return [wish for wish in wishes if wish.item.id not in held]
