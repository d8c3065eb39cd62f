"""Wait and retry."""

from __future__ import annotations

from fairlead.errors.base import FairleadError


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


class Locked(Busy):
    """Another transaction holds what this needs for too long; nothing was changed."""

    code = "LOCKED"


class TransactionConflict(Busy):
    """Another transaction changed the same rows at the same moment; nothing was changed."""

    code = "TRANSACTION_CONFLICT"


class IdempotencyInFlight(TemporaryError):
    """A request with this idempotency key is being carried out right now; ask again in a moment."""

    code, status = "IDEMPOTENCY_IN_FLIGHT", 409
