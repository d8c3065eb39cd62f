"""Many items over HTTP, one a line (NDJSON), streamed into COPY; the other way to send `…/items/batch`.

The body is laid aside first, on disk beyond the first megabyte, so that no transaction is open while a client sends
slowly; then each line is read, checked and passed on. Streams take no more than a fourth of the pool's connections at
once, so that others have theirs. Neither the items nor their ids are ever in memory together, unless the answer is to
be kept for the request's idempotency key.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, closing, contextmanager
from tempfile import SpooledTemporaryFile, gettempdir
from typing import IO, Final

import structlog
from fastapi import APIRouter
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from fairlead.api.body import parse_json, read_chunks
from fairlead.api.deps import Producer, QueueId, StreamRoute
from fairlead.api.items import OF_QUEUE, given_item
from fairlead.api.once import GivenKey, once_of
from fairlead.api.time_limits import allow_seconds
from fairlead.db.session import Session
from fairlead.db.tenancy import TenantScope
from fairlead.domain.limits import BODY_BYTES, STREAM_BYTES, STREAM_SECONDS
from fairlead.errors import Busy, ValidationFailed
from fairlead.services.item_rules import ItemInput
from fairlead.services.item_streams import enqueue_stream
from fairlead.wire.items import EnqueueItem

router = APIRouter(route_class=StreamRoute)
_IN_MEMORY: Final = 1024 * 1024
_PART_BYTES: Final = 64 * 1024
_AT_A_TIME: Final = 100  # items, after which others have their turn
_EMPTY_LINES: Final = 1000  # that are passed over beside one for each item
_log = structlog.get_logger(__name__)


@router.post(OF_QUEUE + "/batch", name="enqueue_item_stream", status_code=201, include_in_schema=False)
async def enqueue_lines(request: Request, caller: Producer, queue_id: QueueId, key: GivenKey = None) -> Response:
    """Enqueue one item a line, up to 50 MiB of them, all or none; the ids come in order. Scope: `items:enqueue`."""
    caller.scope(queue_id=queue_id)
    allow_seconds(request, STREAM_SECONDS)
    with _room(), _spool() as lines:
        once = once_of(request, key, await _laid_aside(request, lines))

        async def work(session: Session, scope: TenantScope) -> Response:
            with ExitStack() as stack:
                ids = stack.enter_context(closing(_Ids()))
                await enqueue_stream(session, scope, queue_id=queue_id, items=_items(lines), named=ids.add)
                answered = ids.answer(whole=once.attempt is not None)
                stack.pop_all()  # whoever sends the answer closes them
                return answered

        async with request.app.state.streams:
            caller = await caller.again(request)  # it may have taken its time to come
            answered = await once.answer(caller, work, queue_id=queue_id)
    caller.resources.notifier.announce(queue_id)
    return answered


class _Ids:
    """The ids of what is being enqueued, written down as the answer that they become."""

    def __init__(self) -> None:
        self._text = _spool()
        self._between = b'{"data":{"ids":["'

    def add(self, item_id: str) -> None:
        """Note one more."""
        self._text.write(self._between + item_id.encode())
        self._between = b'","'

    def answer(self, *, whole: bool) -> Response:
        """Return the answer, `whole` when somebody is to keep it; raises ValidationFailed when there was no item."""
        if not self._text.tell():
            raise ValidationFailed(details={"items": "must be given, one a line"})
        self._text.write(b'"]}}')
        self._text.seek(0)
        if not whole:
            return StreamingResponse(self._parts(), status_code=201, media_type="application/json")
        with self._text:
            return Response(self._text.read(), status_code=201, media_type="application/json")

    def close(self) -> None:
        """Throw them away."""
        self._text.close()

    def _parts(self) -> Iterator[bytes]:
        with self._text:
            while part := self._text.read(_PART_BYTES):
                yield part


@contextmanager
def _room() -> Iterator[None]:
    """Raise Busy when the disk has no room for what is laid aside."""
    try:
        yield
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        _log.error("no_room_for_a_body", directory=gettempdir())
        raise Busy("The server has no room for this body right now; nothing was changed.") from error


def _spool() -> SpooledTemporaryFile[bytes]:
    return SpooledTemporaryFile(max_size=_IN_MEMORY)


async def _laid_aside(request: Request, lines: IO[bytes]) -> bytes:
    """Write a body into `lines`, to be read from there, and return its SHA-256."""
    digest = hashlib.sha256()
    async for chunk in read_chunks(request, most=STREAM_BYTES):
        digest.update(chunk)
        lines.write(chunk)
    lines.seek(0)
    return digest.digest()


async def _items(lines: IO[bytes]) -> AsyncIterator[ItemInput]:
    """Yield the items; raises ValidationFailed or RequestValidationError for the first line that is none."""
    place = empty = 0
    while line := lines.readline(BODY_BYTES + 1):
        if line.isspace():
            empty += 1
            if empty - place > _EMPTY_LINES:
                problem = f"are outnumbered by the empty lines between them by more than {_EMPTY_LINES:,}"
                raise ValidationFailed(details={"items": problem})
            continue
        yield _item(line, place)
        place += 1
        if place % _AT_A_TIME == 0:
            await asyncio.sleep(0)


def _item(line: bytes, place: int) -> ItemInput:
    if len(line) > BODY_BYTES:
        raise ValidationFailed(details={f"items[{place}]": f"is longer than {BODY_BYTES:,} bytes"})
    try:
        value = parse_json(line)
        if isinstance(value, dict) and value.keys() == {"payload"}:  # as most; the service checks it as well
            return ItemInput(value["payload"])
        return given_item(EnqueueItem.model_validate(value))
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False)
        wrong = [{**problem, "loc": ("body", "items", place, *problem["loc"])} for problem in found]
        raise RequestValidationError(wrong) from None
    except ValidationFailed as error:
        problem = error.details.get("body", error.message)
        raise ValidationFailed("A line cannot be read.", details={f"items[{place}]": problem}) from None
