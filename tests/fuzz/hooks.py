"""What Schemathesis does before it sends a request: it does not wait long for items that nobody will enqueue."""

from __future__ import annotations

from typing import Any, Final

import schemathesis

LONG: Final = 20.0
SHORT: Final = 0.05


@schemathesis.hook
def before_call(_context: schemathesis.HookContext, case: schemathesis.Case[Any], _kwargs: dict[str, Any]) -> None:
    """Shorten a wait that the document allows."""
    body: Any = case.body
    wait = body.get("waitSeconds") if isinstance(body, dict) else None
    if isinstance(wait, int | float) and 0 < wait <= LONG:
        body["waitSeconds"] = SHORT
