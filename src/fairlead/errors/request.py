"""Change what you asked for."""

from __future__ import annotations

from fairlead.errors.base import FairleadError


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
