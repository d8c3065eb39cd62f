"""Every error Fairlead raises on purpose, in one tree, branched by what the caller can do.

FairleadError
├── RequestError                   change what you asked for
│   ├── ValidationFailed           400 VALIDATION_FAILED   one or more fields are wrong; `details` names each
│   ├── RequestTimeout             408 REQUEST_TIMEOUT     the body did not come in time
│   ├── HeadersTooLarge            431 HEADERS_TOO_LARGE
│   ├── MethodNotAllowed           405 METHOD_NOT_ALLOWED
│   ├── TokenInvalid               400 TOKEN_INVALID       of a mail or a sign-in: unknown, used or too old
│   ├── PayloadTooLarge            413 PAYLOAD_TOO_LARGE
│   ├── UnsupportedMediaType       415 UNSUPPORTED_MEDIA_TYPE
│   ├── NotFound                   404 NOT_FOUND           unknown, deleted or another organization's
│   ├── PreconditionFailed         412 PRECONDITION_FAILED somebody changed it since you looked
│   ├── IdempotencyKeyReused       422 IDEMPOTENCY_KEY_REUSED  the key was another request's
│   ├── QueueFull                  429 QUEUE_FULL          as many items as the queue or the organization may hold
│   └── Conflict                   409 CONFLICT            something with that name is already there
│       ├── LastOwner              409 LAST_OWNER          an organization always has an owner
│       └── LeaseLost              409 LEASE_LOST          somebody else may hold the item now; drop the work
│           └── ItemCancelled      409 ITEM_CANCELLED      stop the work; the item has ended, or ends when you say so
├── AccessError                    show other credentials
│   ├── Unauthenticated            401 UNAUTHENTICATED
│   │   ├── SignInFailed           401 SIGN_IN_FAILED      at a provider; begin again
│   │   └── WrongCredentials       401 WRONG_CREDENTIALS   of a sign-in; whether the account exists is not told
│   └── Forbidden                  403 FORBIDDEN
│       ├── AccountNotLinked       403 ACCOUNT_NOT_LINKED  who signed in at a provider is nobody here
│       └── SecondFactorNeeded     403 SECOND_FACTOR_NEEDED  `details` has the challenge to send the code with
├── TemporaryError                 wait and retry; carries `retry_after_seconds`
│   ├── RateLimited                429 RATE_LIMITED        a key, an organization or an address asks too often
│   ├── TooManyStreams             429 TOO_MANY_STREAMS    of one organization listen to its events already
│   ├── TooManyAttempts            429 TOO_MANY_ATTEMPTS   of something that could be guessed
│   ├── ProviderUnavailable        503 PROVIDER_UNAVAILABLE  of sign-ins elsewhere
│   ├── DatabaseUnavailable        503 DATABASE_UNAVAILABLE
│   ├── Busy                       503 BUSY                a lock or time limit stood in the way
│   │   └── TransactionConflict    503 TRANSACTION_CONFLICT  two transactions could not both be; rolled back
│   └── IdempotencyInFlight        409 IDEMPOTENCY_IN_FLIGHT  the same request is being carried out
├── OperatorError                  somebody who runs the installation has to act
│   ├── SettingsInvalid            500 SETTINGS_INVALID    names the variable
│   ├── EmbeddedDatabaseFailed     500 EMBEDDED_DATABASE_FAILED
│   ├── SchemaOutdated             500 SCHEMA_OUTDATED     run `fairlead db migrate`
│   ├── TargetInvalid              500 TARGET_INVALID      what `fairlead db` works on is not told rightly
│   ├── MigrationsInvalid          500 MIGRATIONS_INVALID  the files of the migrations do not make a chain
│   ├── MigrationsUnknown          500 MIGRATIONS_UNKNOWN  the database is at a revision without a file
│   ├── MigrationChanged           500 MIGRATION_CHANGED   the file of an applied revision is another one now
│   ├── MigrationFailed            500 MIGRATION_FAILED    names the revision and what the database said
│   ├── PushFailed                 500 PUSH_FAILED         the database could not be changed, and is as it was
│   ├── NotForDevelopment          500 NOT_FOR_DEVELOPMENT says how a database is marked
│   ├── LinterMissing              500 LINTER_MISSING      says which extra to install
│   ├── DecisionNeeded             500 DECISION_NEEDED     says what to pass; exit code 2
│   ├── DestructiveRefused         500 DESTRUCTIVE_REFUSED names what would be lost; exit code 3
│   ├── SchemaDrifted              500 SCHEMA_DRIFTED      what is differs from what is declared; exit code 4
│   └── HandlerInvalid             500 HANDLER_INVALID     the application given to a worker cannot be used
└── HandlerControl                 raised by a handler to say what happens to its item
    ├── GiveUp                     500 GIVE_UP             fail for good, do not retry
    └── Snooze                     500 SNOOZE              not now: later, and this attempt does not count

A class has a stable `code`, an HTTP `status`, a `remedy` (its own or its branch's: what to do), and a docstring whose
first line is the default message. `docs/reference/errors.md` is made of them.
Database errors become these in one place, `db/sqlstate.py`.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import ClassVar, TypeAlias

_Choices: TypeAlias = Mapping[str, Sequence[Sequence[str]]]


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


class RequestError(FairleadError):
    """The request cannot be carried out as it stands."""

    status = 400
    remedy = "Change the request: the same one will be refused again."


class ValidationFailed(RequestError):
    """Some of the values given are not acceptable."""

    code, remedy = "VALIDATION_FAILED", "Mend the fields that `details` names; all that are wrong are named at once."


class TokenInvalid(RequestError):
    """This token is unknown, was used already or is too old; ask for another one."""

    code, remedy = "TOKEN_INVALID", "Ask for another mail, or sign in from the beginning."


class RequestTimeout(RequestError):
    """The body of the request did not come in time; nothing was done."""

    code, status = "REQUEST_TIMEOUT", 408


class HeadersTooLarge(RequestError):
    """The address and the headers of the request are larger than this server accepts."""

    code, status = "HEADERS_TOO_LARGE", 431


class PayloadTooLarge(RequestError):
    """The request is larger than this server accepts."""

    code, status, remedy = "PAYLOAD_TOO_LARGE", 413, "Send less at a time; the message says how much is taken."


class UnsupportedMediaType(RequestError):
    """Send the body as application/json."""

    code, status = "UNSUPPORTED_MEDIA_TYPE", 415


class NotFound(RequestError):
    """There is no such thing here."""

    code, status = "NOT_FOUND", 404
    remedy = "Check the id, and the organization: to everybody else what belongs to another one is not there."


class MethodNotAllowed(RequestError):
    """This address does not know that method."""

    code, status = "METHOD_NOT_ALLOWED", 405


class Conflict(RequestError):
    """Something with that name is already there."""

    code, status, remedy = "CONFLICT", 409, "Take another name, or use what is there."


class LastOwner(Conflict):
    """An organization needs an owner, and this one is its last; make somebody else an owner first."""

    code, remedy = "LAST_OWNER", "Make somebody else an owner first."


class LeaseLost(Conflict):
    """This lease is no longer current; nothing was changed."""

    code = "LEASE_LOST"
    remedy = "Drop the work: somebody else may hold the item. Renew earlier, or claim with a longer lease."


class ItemCancelled(LeaseLost):
    """This item was cancelled while it was worked on: stop; its outcome was refused, and nothing is kept of it."""

    code, remedy = "ITEM_CANCELLED", "Stop the work, undo what can be undone, and say that it ended."


class PreconditionFailed(RequestError):
    """Somebody else changed this since you looked; look again, and decide anew."""

    code, status = "PRECONDITION_FAILED", 412
    remedy = "Read it again, and send the change with the new `ETag` if it still makes sense."


class IdempotencyKeyReused(RequestError):
    """This idempotency key was sent with another request before; take a new one."""

    code, status = "IDEMPOTENCY_KEY_REUSED", 422
    remedy = "Take a new key for every new request, and the same one only to send the same again."


class QueueFull(RequestError):
    """The queue, or the organization, holds as many items as it may; try again when some are done."""

    code, status = "QUEUE_FULL", 429
    remedy = "Wait until items are done, work more of them at a time, or ask for a higher limit."


class AccessError(FairleadError):
    """Access was refused."""

    status = 403
    remedy = "Show other credentials."


class Unauthenticated(AccessError):
    """Send a valid API key, or the token of a session, as 'Authorization: Bearer …'."""

    code, status = "UNAUTHENTICATED", 401
    remedy = "Check that the key or token is whole, not expired and not revoked; or sign in again."


class SignInFailed(Unauthenticated):
    """The sign-in at the provider did not succeed; begin it again."""

    code = "SIGN_IN_FAILED"


class WrongCredentials(Unauthenticated):
    """That is not the right address and password, or not the right code."""

    code, remedy = "WRONG_CREDENTIALS", "Try again, or ask for a mail with which to choose a new password."


class Forbidden(AccessError):
    """These credentials do not allow that."""

    code = "FORBIDDEN"
    remedy = "Use a key with the scope that the message names, or ask an administrator for the permission."


class AccountNotLinked(Forbidden):
    """Whoever signed in at the provider is nobody here."""

    code = "ACCOUNT_NOT_LINKED"


class SecondFactorNeeded(Forbidden):
    """Send the code of your authenticator application with this challenge to '/api/auth/sign-in/code'."""

    code = "SECOND_FACTOR_NEEDED"
    remedy = "Send the code with the challenge in `details`; the challenge is good for one sign-in."


class TemporaryError(FairleadError):
    """This cannot be done right now; try again."""

    status = 503
    remedy = "Wait for as long as `Retry-After` says, then send the same request again."

    def __init__(self, message: str | None = None, *, retry_after_seconds: int = 1) -> None:
        """Take the time after which another try makes sense."""
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class RateLimited(TemporaryError):
    """There were too many requests; wait before the next one."""

    code, status = "RATE_LIMITED", 429


class TooManyStreams(TemporaryError):
    """As many clients listen to the events of this organization as may; close one of them first."""

    code, status = "TOO_MANY_STREAMS", 429


class TooManyAttempts(TemporaryError):
    """There were too many attempts; wait before the next one."""

    code, status = "TOO_MANY_ATTEMPTS", 429


class ProviderUnavailable(TemporaryError):
    """The provider cannot be asked right now; nothing was changed."""

    code = "PROVIDER_UNAVAILABLE"


class DatabaseUnavailable(TemporaryError):
    """The database cannot be reached right now; nothing was changed."""

    code = "DATABASE_UNAVAILABLE"


class Busy(TemporaryError):
    """The database was too busy to answer in time; nothing was changed."""

    code = "BUSY"


class TransactionConflict(Busy):
    """Another transaction changed the same rows at the same moment; nothing was changed."""

    code = "TRANSACTION_CONFLICT"


class IdempotencyInFlight(TemporaryError):
    """A request with this idempotency key is being carried out right now; ask again in a moment."""

    code, status = "IDEMPOTENCY_IN_FLIGHT", 409


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


class HandlerControl(FairleadError):
    """A handler decided what happens to its item."""

    remedy = "Nothing: a handler raises it, and no caller sees it."


class GiveUp(HandlerControl):
    """The handler gave up on this item; it will not be retried."""

    code = "GIVE_UP"


class Snooze(HandlerControl):
    """The handler put this item off; the attempt does not count."""

    code = "SNOOZE"

    def __init__(self, delay: timedelta | float, message: str | None = None) -> None:
        """Take how long to wait before the item is due again: a timedelta, or seconds."""
        super().__init__(message)
        self.delay_seconds = delay.total_seconds() if isinstance(delay, timedelta) else delay


def _first_line(cls: type) -> str:
    return (cls.__doc__ or cls.__name__).strip().splitlines()[0]
