"""The one shape of every error."""

from __future__ import annotations

from pydantic import Field

from fairlead.wire.base import Sent


class ErrorBody(Sent):
    """An error: a sentence for people, a code for programs, and for wrong fields a sentence each."""

    error: str = Field(description="What went wrong, for people.")
    code: str = Field(description="What went wrong, for programs.", examples=["NOT_FOUND"])
    details: dict[str, str] = Field(description="For each wrong field, what is wrong with it.", examples=[{}])
    request_id: str = Field(description="Quote this when asking for help; logs carry it.")
