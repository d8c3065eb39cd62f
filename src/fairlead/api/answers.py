"""What handlers answer with, and how the document describes the errors they may answer instead."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, TypeVar

from pydantic import BaseModel
from starlette.responses import Response

from fairlead.api.versions import etag_of
from fairlead.errors import (
    Busy,
    DatabaseUnavailable,
    FairleadError,
    Forbidden,
    HeadersTooLarge,
    IdempotencyInFlight,
    IdempotencyKeyReused,
    Locked,
    PayloadTooLarge,
    RateLimited,
    RequestTimeout,
    TemporaryError,
    Unauthenticated,
    UnsupportedMediaType,
    ValidationFailed,
)
from fairlead.queries.page import Page
from fairlead.wire.base import Sent
from fairlead.wire.error import ErrorBody
from fairlead.wire.page import Data, PageData, Pagination

Shape = TypeVar("Shape", bound=Sent)
Responses = dict[int | str, dict[str, Any]]

_ANYBODY: Final = (ValidationFailed, HeadersTooLarge, RateLimited, FairleadError, DatabaseUnavailable, Busy, Locked)
_ANY_TIME: Final = (Unauthenticated, Forbidden, *_ANYBODY)
_WITH_BODY: Final = (RequestTimeout, PayloadTooLarge, UnsupportedMediaType)


def answer(body: BaseModel, *, status: int = 200, location: str | None = None, etag: str | None = None) -> Response:
    """Return `body` as JSON."""
    headers = {name: value for name, value in (("Location", location), ("ETag", etag)) if value is not None}
    text = body.model_dump_json(by_alias=True)
    return Response(text, status_code=status, media_type="application/json", headers=headers)


def one(
    value: Any,
    shape: type[Shape],
    *,
    status: int = 200,
    location: str | None = None,
    version: str | None = None,
) -> Response:
    """Return one thing in `shape`, with its ETag when it can be edited: by its `updated_at`, or the version given."""
    body = Data[shape](data=shape.model_validate(value))  # type: ignore[valid-type]  # pydantic's generic is made at run time
    return answer(body, status=status, location=location, etag=etag_of(value, version=version))


def many(values: Sequence[Any], shape: type[Shape]) -> Response:
    """Return all of a list in `shape`."""
    return answer(Data[list[shape]](data=[shape.model_validate(value) for value in values]))  # type: ignore[valid-type]  # as above


def page_of(page: Page[Any], shape: type[Shape]) -> Response:
    """Return one page of a list in `shape`."""
    data = [shape.model_validate(value) for value in page.data]
    return answer(PageData[shape](data=data, pagination=Pagination.model_validate(page)))  # type: ignore[valid-type]  # as above


def reading(*kinds: type[FairleadError]) -> Responses:
    """Describe the errors of an operation without a body for the document: by status, with an example of each."""
    return _described((*_ANY_TIME, *kinds))


def versioned(responses: Responses) -> Responses:
    """Say of an operation, beside its errors, that what it answers has an ETag though it has no `updatedAt`."""
    return {**responses, 200: {"headers": {"ETag": {"$ref": "#/components/headers/ETag"}}}}


def changing(*kinds: type[FairleadError]) -> Responses:
    """Describe the errors of an operation with a body."""
    return reading(*_WITH_BODY, *kinds)


def creating(*kinds: type[FairleadError], body: bool = True) -> Responses:
    """Describe the errors of an operation that makes something, once if it is asked to (`api/once.py`)."""
    described = changing if body else reading
    return described(IdempotencyInFlight, IdempotencyKeyReused, *kinds)


def visiting(*kinds: type[FairleadError], body: bool = True) -> Responses:
    """Describe the errors of an operation that needs no credential."""
    return _described((Forbidden, *_ANYBODY, *(_WITH_BODY if body else ()), *kinds))


def _described(kinds: Sequence[type[FairleadError]]) -> Responses:
    described: Responses = {}
    for kind in kinds:
        entry = described.setdefault(
            kind.status,
            {"model": ErrorBody, "description": "", "content": {"application/json": {"examples": {}}}},
        )
        message = kind().message
        entry["description"] = f"{entry['description']} {message}".strip()
        entry["content"]["application/json"]["examples"][kind.code] = {"value": _example(kind, message)}
        if issubclass(kind, TemporaryError):
            entry["headers"] = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}
    return described


def _example(kind: type[FairleadError], message: str) -> dict[str, Any]:
    details = {"items[3].payload": "is 300,000 bytes long, more than 262,144"} if kind is ValidationFailed else {}
    return {"error": message, "code": kind.code, "details": details, "requestId": "k3f9x2m7q1w8e5r4t6y0u2i9"}
