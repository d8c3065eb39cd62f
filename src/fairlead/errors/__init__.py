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
│   ├── Busy                       503 BUSY                a time limit stood in the way
│   │   ├── Locked                 503 LOCKED              another transaction holds what is needed for too long
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

from fairlead.errors.access import (
    AccessError,
    AccountNotLinked,
    Forbidden,
    SecondFactorNeeded,
    SignInFailed,
    Unauthenticated,
    WrongCredentials,
)
from fairlead.errors.base import FairleadError, kinds_below
from fairlead.errors.handler import GiveUp, HandlerControl, Snooze
from fairlead.errors.operator import (
    DecisionNeeded,
    DestructiveRefused,
    EmbeddedDatabaseFailed,
    HandlerInvalid,
    LinterMissing,
    MigrationChanged,
    MigrationFailed,
    MigrationsInvalid,
    MigrationsUnknown,
    NotForDevelopment,
    OperatorError,
    PushFailed,
    SchemaDrifted,
    SchemaOutdated,
    SettingsInvalid,
    TargetInvalid,
)
from fairlead.errors.request import (
    Conflict,
    HeadersTooLarge,
    IdempotencyKeyReused,
    ItemCancelled,
    LastOwner,
    LeaseLost,
    MethodNotAllowed,
    NotFound,
    PayloadTooLarge,
    PreconditionFailed,
    QueueFull,
    RequestError,
    RequestTimeout,
    TokenInvalid,
    UnsupportedMediaType,
    ValidationFailed,
)
from fairlead.errors.temporary import (
    Busy,
    DatabaseUnavailable,
    IdempotencyInFlight,
    Locked,
    ProviderUnavailable,
    RateLimited,
    TemporaryError,
    TooManyAttempts,
    TooManyStreams,
    TransactionConflict,
)

__all__ = [
    "AccessError",
    "AccountNotLinked",
    "Busy",
    "Conflict",
    "DatabaseUnavailable",
    "DecisionNeeded",
    "DestructiveRefused",
    "EmbeddedDatabaseFailed",
    "FairleadError",
    "Forbidden",
    "GiveUp",
    "HandlerControl",
    "HandlerInvalid",
    "HeadersTooLarge",
    "IdempotencyInFlight",
    "IdempotencyKeyReused",
    "ItemCancelled",
    "LastOwner",
    "LeaseLost",
    "LinterMissing",
    "Locked",
    "MethodNotAllowed",
    "MigrationChanged",
    "MigrationFailed",
    "MigrationsInvalid",
    "MigrationsUnknown",
    "NotForDevelopment",
    "NotFound",
    "OperatorError",
    "PayloadTooLarge",
    "PreconditionFailed",
    "ProviderUnavailable",
    "PushFailed",
    "QueueFull",
    "RateLimited",
    "RequestError",
    "RequestTimeout",
    "SchemaDrifted",
    "SchemaOutdated",
    "SecondFactorNeeded",
    "SettingsInvalid",
    "SignInFailed",
    "Snooze",
    "TargetInvalid",
    "TemporaryError",
    "TokenInvalid",
    "TooManyAttempts",
    "TooManyStreams",
    "TransactionConflict",
    "Unauthenticated",
    "UnsupportedMediaType",
    "ValidationFailed",
    "WrongCredentials",
    "kinds_below",
]
