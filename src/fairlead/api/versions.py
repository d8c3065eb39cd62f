"""Versions over HTTP: what a person edits has an ETag, and a change with If-Match is refused when it is another by now.

One strong tag may be sent, or `*`, which asks for nothing. A tag that we never gave out is one that does not match.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Header

from fairlead.domain.versions import version_of


def etag_of(value: Any, *, version: str | None = None) -> str | None:
    """Return the ETag of what can be edited, which has an `updated_at` or a version; None of anything else."""
    if version is None and hasattr(value, "updated_at"):
        version = version_of(value)
    return None if version is None else f'"{version}"'


async def _expected(
    if_match: Annotated[
        str | None,
        Header(description="The `ETag` you saw: the change is made only if nobody made another one since."),
    ] = None,
) -> str | None:
    if if_match is None or if_match.strip() == "*":
        return None
    return if_match.strip().removeprefix('"').removesuffix('"')


Expected = Annotated[str | None, Depends(_expected)]
