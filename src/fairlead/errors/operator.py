"""Somebody who runs the installation has to act."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from fairlead.errors.base import FairleadError

_Choices: TypeAlias = Mapping[str, Sequence[Sequence[str]]]


class OperatorError(FairleadError):
    """The installation needs attention."""

    remedy = "Whoever runs the installation has to act; the message says how."


class SettingsInvalid(OperatorError):
    """A setting is wrong."""

    code = "SETTINGS_INVALID"


class EmbeddedDatabaseFailed(OperatorError):
    """The embedded PostgreSQL could not be used."""

    code = "EMBEDDED_DATABASE_FAILED"


class SchemaOutdated(OperatorError):
    """The database schema is not the one this version needs; run 'fairlead db migrate'."""

    code = "SCHEMA_OUTDATED"


class TargetInvalid(OperatorError):
    """What the database toolkit is to work on cannot be used."""

    code = "TARGET_INVALID"


class MigrationsInvalid(OperatorError):
    """The migrations cannot be read."""

    code = "MIGRATIONS_INVALID"


class MigrationsUnknown(OperatorError):
    """The database is at a revision of which there is no file."""

    code = "MIGRATIONS_UNKNOWN"


class MigrationChanged(OperatorError):
    """The file of a revision changed since it was applied."""

    code = "MIGRATION_CHANGED"


class MigrationFailed(OperatorError):
    """A migration failed; nothing of it was kept."""

    code = "MIGRATION_FAILED"


class PushFailed(OperatorError):
    """The database could not be brought to what the models declare; nothing was changed."""

    code = "PUSH_FAILED"


class NotForDevelopment(OperatorError):
    """This database is not marked as one for development."""

    code = "NOT_FOR_DEVELOPMENT"


class LinterMissing(OperatorError):
    """The SQL of migrations is linted by squawk: pip install 'fairlead[toolkit]'."""

    code = "LINTER_MISSING"


class DecisionNeeded(OperatorError):
    """Somebody has to decide before this can be done."""

    code = "DECISION_NEEDED"

    def __init__(
        self, message: str | None = None, *, details: dict[str, str] | None = None, choices: _Choices | None = None
    ) -> None:
        """Take `choices`, where there are such: for each open thing the arguments of which one has to be passed."""
        self.choices = dict(choices or {})
        told = {thing: " or ".join(map(shlex.join, answers)) for thing, answers in self.choices.items()}
        super().__init__(message, details={**told, **(details or {})})


class DestructiveRefused(OperatorError):
    """This would destroy something and was refused."""

    code = "DESTRUCTIVE_REFUSED"


class SchemaDrifted(OperatorError):
    """The schema is not the declared one."""

    code = "SCHEMA_DRIFTED"


class HandlerInvalid(OperatorError):
    """The application given to the worker cannot be used."""

    code = "HANDLER_INVALID"
