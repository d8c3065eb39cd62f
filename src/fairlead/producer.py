"""Producer: enqueue inside a transaction on a connection of your own, synchronous or not.

Items are there if and only if what your transaction did is kept: the outbox without an outbox. Whoever works with our
units of work anyway calls `services.items.enqueue_items` in one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fairlead.db.notify import wake_up
from fairlead.db.tenancy import TenantScope
from fairlead.domain.ids import is_id, new_ids
from fairlead.engine.enqueue_outside import enqueue_outside
from fairlead.engine.outside import HandedOut
from fairlead.errors import Conflict, NotFound, ValidationFailed
from fairlead.services.item_rules import ItemInput, check_items
from fairlead.services.items import new_items


@dataclass(frozen=True, slots=True)
class Enqueueing:
    """What enqueues items in a transaction of yours.

    Run each of `statements` with its parameters, in order, in one transaction on a connection whose login is a member
    of the role fairlead_app. One of them raises SQLSTATE FL404 when the organization has no such queue, FL429 when the
    depth of either would be exceeded, and FL409 when an item with the same unique key is there: roll back. `ids` are
    the items', in the order given. When nobody knows whether a commit was kept, the same statements may be run again:
    items that are there raise FL409, or 23505 (a unique violation), for as long as they are kept.

    Workers find the items by themselves, within a second or two; at once when you run `wake_up`, too, after the commit
    and not inside the transaction, where it would make commits wait for each other.
    """

    ids: tuple[str, ...]
    statements: tuple[HandedOut, ...]
    wake_up: HandedOut


def enqueueing(scope: TenantScope, *, queue_id: str, items: Sequence[ItemInput]) -> Enqueueing:
    """Return what enqueues 1 to 1,000 items, all or none, in a transaction of yours.

    An item with `on_conflict` 'return' whose unique key is held is left out, and whose it is is not told. Raises
    ValidationFailed naming every wrong field of every item, also for 'replace', which needs a unit of work; Conflict
    for a unique key that comes twice; NotFound for what cannot be a queue's id.
    """
    check_items(items)
    if not is_id(queue_id):
        raise NotFound
    replacing = [index for index, item in enumerate(items) if item.unique_key and item.on_conflict == "replace"]
    if replacing:
        problem = "cannot be 'replace' here; use enqueue_items in a unit of work"
        raise ValidationFailed(details={f"items[{index}].on_conflict": problem for index in replacing})
    keys = [item.unique_key for item in items if item.unique_key is not None]
    if len(set(keys)) < len(keys):
        raise Conflict("Two of these items have the same unique key.")
    ids = new_ids(len(items))
    insisted = [item_id for item_id, item in zip(ids, items, strict=True) if item.on_conflict == "reject"]
    statements = enqueue_outside(scope, queue_id=queue_id, items=new_items(ids, items), insisted=insisted)
    return Enqueueing(tuple(ids), tuple(statements), wake_up(queue_id))
