"""Results: what a handler may say came of its item: any JSON value of a bounded size."""

from __future__ import annotations

from typing import Any

import orjson

from fairlead.domain.json_values import problem
from fairlead.domain.limits import RESULT_BYTES
from fairlead.errors import ValidationFailed


def written(result: Any) -> orjson.Fragment | None:
    """Return a result as it will be stored, None for none.

    Written now, so that what the handler still does to it is no matter. Raises ValidationFailed that says why it cannot
    be stored.
    """
    if result is None:
        return None
    if place := problem(result):
        raise ValidationFailed(f"The handler's result cannot be stored: {place}.")
    try:
        text = orjson.dumps(result)
    except orjson.JSONEncodeError as error:
        raise ValidationFailed(f"The handler's result cannot be stored: {error}.") from error
    if len(text) > RESULT_BYTES:
        raise ValidationFailed(f"The handler's result is larger than {RESULT_BYTES} bytes.")
    return orjson.Fragment(text)
