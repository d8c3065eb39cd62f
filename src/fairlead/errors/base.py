"""The root of the tree."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar


class FairleadError(Exception):
    """Something went wrong in Fairlead."""

    code: ClassVar[str] = "INTERNAL"
    status: ClassVar[int] = 500
    remedy: ClassVar[str] = "Quote `requestId` when asking for help: under it the logs say what happened."

    def __init__(self, message: str | None = None, *, details: dict[str, str] | None = None) -> None:
        """Take a sentence for people, and for wrong fields a sentence a field."""
        self.message = str(message) if message else _first_line(type(self))  # people do give an exception
        self.details = details or {}
        super().__init__(self.message)

    def __str__(self) -> str:
        """Say the message, and for wrong fields each of them."""
        if not self.details:
            return self.message
        return f"{self.message} " + "; ".join(f"{field}: {text}" for field, text in self.details.items())


def kinds_below(root: type[FairleadError]) -> Iterator[type[FairleadError]]:
    """Yield a kind of error and every one below it in this tree, branches before what they hold; nobody else's."""
    yield root
    for child in root.__subclasses__():
        if child.__module__.startswith(f"{__package__}."):
            yield from kinds_below(child)


def _first_line(cls: type) -> str:
    return (cls.__doc__ or cls.__name__).strip().splitlines()[0]
