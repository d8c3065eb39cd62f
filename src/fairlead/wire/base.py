"""What all JSON shapes share: camelCase names, and strictness about what comes in.

What comes in knows no extra field and converts nothing: `true` is no number and `"5"` is no 5. What goes out is read
from the queries' dataclasses.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class Received(BaseModel):
    """A body that a caller sends."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", strict=True, frozen=True)


def _without_defaults(schema: dict[str, Any]) -> None:
    for field in schema["properties"].values():
        field.pop("default", None)


class Changes(Received):
    """A body of fields to be changed: one that is not given stays as it is, so that none shows a default."""

    model_config = ConfigDict(json_schema_extra=_without_defaults)

    @property
    def given(self) -> dict[str, Any]:
        """The fields that were given, by their names in Python."""
        return {name: getattr(self, name) for name in self.model_fields_set}


class Sent(BaseModel):
    """A body that the server answers; readers ignore fields they do not know."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, from_attributes=True, frozen=True)
