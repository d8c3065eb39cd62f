"""Query parameters: one that an operation does not know is refused, so that a slip of the pen never counts for nothing.

What is near it is named. An operation to which others send people, such as a provider after a sign-in, takes whatever
they add. A request without a query pays nothing.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from difflib import get_close_matches
from itertools import islice
from typing import Final

from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import get_flat_params
from fastapi.exceptions import RequestValidationError
from fastapi.params import ParamTypes
from starlette.requests import Request

_NAMED: Final = 20  # of the unknown ones; looking for what is near costs something
_NEAR: Final = 0.7
_CHARACTERS: Final = 50  # no parameter's name is near to a longer one


def parameters_of(dependant: Dependant) -> frozenset[str]:
    """Return the names of an operation's query parameters."""
    told = [(getattr(field.field_info, "in_", None), field.alias) for field in get_flat_params(dependant)]
    return frozenset(name for place, name in told if place is ParamTypes.query)


def refuse_unknown(request: Request, *, known: AbstractSet[str]) -> None:
    """Raise RequestValidationError, naming each, for query parameters that are not among the known ones."""
    if request.scope["query_string"] and (unknown := request.query_params.keys() - known):
        raise RequestValidationError(
            [
                {"type": "unknown_parameter", "loc": ("query", name), "msg": _sentence(name, known)}
                for name in islice(sorted(unknown), _NAMED)
            ]
        )


def _sentence(name: str, known: AbstractSet[str]) -> str:
    near = get_close_matches(name, sorted(known), n=1, cutoff=_NEAR) if len(name) <= _CHARACTERS else []
    suggestion = "".join(f"; did you mean '{candidate}'?" for candidate in near)
    return f"is not a parameter that is known here{suggestion}"
