"""A database beside what the models declare."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, RootTransaction
from sqlalchemy.exc import DBAPIError

from fairlead.errors import OperatorError
from fairlead.toolkit.catalogue import Catalogue, read_catalogue
from fairlead.toolkit.change import Change, changes
from fairlead.toolkit.difference import Difference, difference
from fairlead.toolkit.environment import first_line
from fairlead.toolkit.naming import for_driver, quoted
from fairlead.toolkit.target import Target

DENIED: Final = "42501"  # the SQLSTATE of what a login may not do


@dataclass(frozen=True, slots=True)
class Shadow:
    """A database that stands at the newest revision, and what the models declare."""

    target: Target
    connection: Connection
    declared: Catalogue

    def found(self) -> Catalogue:
        """Return what is there now."""
        return read_catalogue(self.connection, self.target)

    def changes(self) -> list[Change]:
        """Return what differs from the models now."""
        return changes(self.found(), self.declared)

    def difference(self, found: Catalogue) -> Difference:
        """Compare what was just found with the models."""
        return difference(self.target, self.connection, declared=self.declared, found=found)

    @contextmanager
    def owned(self) -> Iterator[RootTransaction]:
        """Begin a transaction as the role that owns the tables; raises OperatorError for what the login may not do."""
        try:
            with self.connection.begin() as transaction:
                if self.target.owner:
                    self.connection.exec_driver_sql(for_driver(f"set local role {quoted(self.target.owner)}"))
                yield transaction
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", "") != DENIED:
                raise
            raise OperatorError(f"This login may not do that: {first_line(error)}. Nothing was changed.") from error
