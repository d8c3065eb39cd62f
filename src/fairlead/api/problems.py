"""Errors become bodies here and nowhere else; every one has the same four fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic.alias_generators import to_camel
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from fairlead.api.openapi import methods_at
from fairlead.errors import FairleadError, MethodNotAllowed, NotFound, TemporaryError, Unauthenticated, ValidationFailed
from fairlead.wire.error import ErrorBody

_INTERNAL_STATUS: Final = 500
_DETAILS: Final = 10_000  # more wrong fields than any honest body has
_FIELD_CHARACTERS: Final = 200
_SENTENCES: Final = {
    "missing": "is required",
    "extra_forbidden": "is not a field that is known here",
    "dict_type": "must be a JSON object",
    "model_attributes_type": "must be a JSON object",
    "model_type": "must be a JSON object",
    "list_type": "must be a list",
}
_log = structlog.get_logger(__name__)


def install(app: FastAPI) -> None:
    """Make `app` answer every error in our shape."""
    app.add_exception_handler(FairleadError, _on_fairlead_error)
    app.add_exception_handler(RequestValidationError, _on_wrong_fields)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(ClientDisconnect, _on_disconnect)


def error_response(error: FairleadError, *, request_id: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return the body of an error; one that only an operator can mend says nothing but the request id."""
    if error.status == _INTERNAL_STATUS:
        error = FairleadError("Something went wrong on our side.")
    body = ErrorBody(
        error=error.message,
        code=error.code,
        details=error.details,
        request_id=request_id,
    )
    return Response(
        body.model_dump_json(by_alias=True),
        status_code=error.status,
        media_type="application/json",
        headers={**_headers_of(error), **(headers or {})},
    )


def _headers_of(error: FairleadError) -> dict[str, str]:
    if isinstance(error, TemporaryError):
        return {"Retry-After": str(error.retry_after_seconds)}
    return {"WWW-Authenticate": "Bearer"} if isinstance(error, Unauthenticated) else {}


def _on_fairlead_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, FairleadError):
        raise error
    if error.status == _INTERNAL_STATUS:
        _log.error("request_failed", path=request.url.path, exc_info=error)
    error.details = {_camel_path(field): sentence for field, sentence in error.details.items()}
    return error_response(error, request_id=request.state.request_id)


def _on_wrong_fields(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    details = {_field(problem["loc"]): _sentence(problem) for problem in error.errors()[:_DETAILS]}
    return error_response(ValidationFailed(details=details), request_id=request.state.request_id)


def _on_http_exception(request: Request, error: Exception) -> Response:
    """Answer what the router says by itself: an unknown address, or a method that is not known there."""
    if not isinstance(error, HTTPException):
        raise error
    known: dict[int, FairleadError] = {
        NotFound.status: NotFound(),
        MethodNotAllowed.status: MethodNotAllowed(),
    }
    answer = known.get(error.status_code, ValidationFailed(str(error.detail)))
    headers = dict(error.headers or {})
    if error.status_code == MethodNotAllowed.status and (known_ones := methods_at(request.url.path)):
        headers["Allow"] = ", ".join(known_ones)
    return error_response(answer, request_id=request.state.request_id, headers=headers)


def _on_disconnect(_request: Request, _error: Exception) -> Response:
    """Answer nobody: the client is gone, which is no failure of ours."""
    return Response(status_code=ValidationFailed.status)


def _field(location: Sequence[int | str]) -> str:
    """Write a place as people do: `items[3].payload`. The first part only says where in the request it is."""
    parts = location[1:]
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts).lstrip(".")
    return text[:_FIELD_CHARACTERS] or str(location[0])


def _sentence(problem: Mapping[str, Any]) -> str:
    if known := _SENTENCES.get(problem["type"]):
        return known
    text: str = problem["msg"].replace(" after validation", "")
    for kind in ("Input", "String", "List", "Value"):
        if text.startswith(beginning := f"{kind} should "):
            return f"must {text.removeprefix(beginning)}"
    return text


def _camel_path(field: str) -> str:
    """Write our own field names as the wire does: `items[3].max_attempts` becomes `items[3].maxAttempts`."""
    return ".".join(to_camel(part) if "_" in part else part for part in field.split("."))
