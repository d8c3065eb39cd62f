"""Claimed items, written without a model each."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from fairlead.domain.item_status import ItemStatus
from fairlead.queries.items import Item
from fairlead.services.leases import HeldItem
from fairlead.wire.held_items import held_items
from fairlead.wire.items import HeldItemOut
from fairlead.wire.page import Data

_NOON = datetime(2026, 1, 1, 12, 0, 0, 1200, UTC)
_ITEM: dict[str, Any] = {
    "id": "i" * 24,
    "queue_id": "q" * 24,
    "payload": {},
    "status": ItemStatus.PROCESSING,
    "priority": 0,
    "attempts": 1,
    "max_attempts": 3,
    "error_message": None,
    "errors": [],
    "result": None,
    "progress": None,
    "task": None,
    "tags": [],
    "scheduled_for": None,
    "started_at": _NOON,
    "completed_at": None,
    "finished_at": None,
    "created_at": _NOON.replace(microsecond=0),
    "cancel_requested_at": None,
    "unique_key": None,
    "ordering_key": None,
    "worker_id": "w",
}
_AGAIN = {
    "attempts": 2,
    "error_message": 'no \u2028 "way"',
    "errors": [{"attempt": 1, "at": "2026-01-01T11:00:00.5+00:00", "error": "no"}],
    "progress": {"done": 0.5},
    "scheduled_for": _NOON,
}
_STRANGE = {"payload": {"\u00e4": [1.0, 1e300, 2**63 - 1, -0.0, None, True, "\U0001f600</script>"]}, "tags": ["b", "a"]}


@pytest.mark.parametrize("more", [{}, _AGAIN, _STRANGE], ids=["new", "failed before", "strange"])
def test_they_are_as_their_model_writes_them(more: dict[str, Any]) -> None:
    """Every byte is what the declared shape would have written."""
    held = HeldItem(Item(**{**_ITEM, **more}), 7, _NOON)
    model = HeldItemOut.model_validate({**_ITEM, **more, "lease": 7, "lease_expires_at": _NOON})
    assert held_items([held, held]).decode() == Data[list[HeldItemOut]](data=[model, model]).model_dump_json(
        by_alias=True
    )


def test_none_are_an_empty_list() -> None:
    """A claim that found nothing answers a list, too."""
    assert held_items([]) == b'{"data":[]}'
