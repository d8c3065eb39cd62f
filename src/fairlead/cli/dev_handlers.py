"""Example handlers for `fairlead dev`: one that succeeds, one that fails sometimes; copy and change them."""

from __future__ import annotations

import asyncio
import random
from typing import Any

from fairlead import App, GiveUp, Item

app = App()
FAILING_SHARE = 0.2


@app.handler("emails")
async def send_email(item: Item) -> dict[str, Any]:
    """Pretend to send a mail."""
    if "to" not in item.payload:
        raise GiveUp("the payload has no 'to'")
    await asyncio.sleep(0.2)
    return {"sentTo": item.payload["to"]}


@app.handler("reports")
def build_report(item: Item) -> dict[str, Any]:
    """Count to the number asked for; fails now and then, to be retried."""
    if random.random() < FAILING_SHARE:  # noqa: S311 - an example, not a secret
        raise RuntimeError("the printer was on fire")
    return {"total": sum(range(int(item.payload.get("rows", 1000))))}
