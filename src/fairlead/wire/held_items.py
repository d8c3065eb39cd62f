"""Claimed items as JSON, in the shape of `HeldItemOut`, written without making one of each.

What the database said needs no looking at, which took two thirds of the time of a large claim's answer.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from operator import attrgetter
from typing import Any, Final, Protocol

import orjson

from fairlead.wire.items import AttemptError, ItemOut

_NAMES: Final = tuple(field.alias or name for name, field in ItemOut.model_fields.items())
_VALUES: Final = attrgetter(*ItemOut.model_fields)


class Held(Protocol):
    """An item under a lease."""

    @property
    def item(self) -> Any:
        """The item, with everything that `ItemOut` has."""

    @property
    def lease(self) -> int:
        """The fencing number."""

    @property
    def lease_expires_at(self) -> datetime:
        """Until when it is good."""


def held_items(held: Iterable[Held]) -> bytes:
    """Return the body that lists these items, in the order given."""
    return orjson.dumps({"data": [_written(one) for one in held]}, option=orjson.OPT_UTC_Z)


def _written(held: Held) -> dict[str, Any]:
    item = held.item
    written = dict(zip(_NAMES, _VALUES(item), strict=True))
    written["lease"] = held.lease
    written["leaseExpiresAt"] = held.lease_expires_at
    if item.errors:
        written["errors"] = [AttemptError.model_validate(error).model_dump(by_alias=True) for error in item.errors]
    return written
