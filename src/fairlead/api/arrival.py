"""How requests arrive: read by httptools at a fourth of the price of a parser in Python, within bounds.

By itself it takes a head, a trailer or a chunk's extension in without end, lets what comes after a body into the
headers that a request is judged by, and queues however many requests somebody sends without waiting for answers. Here
what is no body ends its connection beyond a limit that `api/edge.py` stays far below, and so do the requests beyond a
few that nobody waits for; a trailer is not read. Whoever does not go on is not waited for (`api/patience.py`).

What is refused here is refused as everywhere, as JSON with a code and the request's id (`api/problems.py`), and after
the answers to those who came before it on the same connection: who sent them is told what became of them, in order.

It cannot read the body of a request that offers another protocol, as Java's client does with each first one. Nobody is
given another protocol here; such a connection is handed over to the parser in Python.
"""

from __future__ import annotations

from asyncio import Transport
from typing import Any, ClassVar, Final

from httptools import HttpParserError, HttpParserUpgrade
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.http.h11_impl import RequestResponseCycle as SlowerCycle
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from fairlead.api.patience import PATIENCE_SECONDS, Patience
from fairlead.api.problems import error_response
from fairlead.domain.ids import new_id
from fairlead.domain.limits import HEADER_BYTES
from fairlead.errors import FairleadError, HeadersTooLarge, ValidationFailed

MOST_BYTES: Final = 4 * HEADER_BYTES  # that came and led to nothing; what came in one piece may be more
MOST_WAITING: Final = 16  # requests of one connection
_UNREADABLE: Final = "This is no HTTP request that can be read."


class Arrival(HttpToolsProtocol):
    """One connection. For a server whose `h11_max_incomplete_event_size` is MOST_BYTES."""

    patience_seconds: ClassVar[float] = PATIENCE_SECONDS

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        self._unread = 0  # bytes since the last piece of a body, or the last end of a head
        self._head_is_over = False
        self._answered: RequestResponseCycle | None = None
        self._too_many: FairleadError | None = None
        self._refusal: FairleadError | None = None  # of what came last, which ends the connection
        self._patience = Patience(self, seconds=self.patience_seconds)

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]  # as uvicorn's
        """Begin to wait."""
        super().connection_made(transport)
        self._patience.begin()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the request that is being answered, which need not be the last that came."""
        self._patience.end()
        if self._answered is not None:
            self._answered.disconnected = True
            self._answered.message_event.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take in what came."""
        if self._refusal is not None:
            return
        self._unset_keepalive_if_required()
        self._unread += len(data)
        try:
            self.parser.feed_data(data)
        except HttpParserUpgrade as offer:
            self._hand_over(data[offer.args[0] :])
        except HttpParserError:
            self._refuse(self._too_many or ValidationFailed(_UNREADABLE))
        else:
            self._patience.heard()
            if self._unread > MOST_BYTES:
                self._refuse(HeadersTooLarge())

    def on_message_begin(self) -> None:
        """Begin a request; raises when many wait already, which inside the parser becomes an error of its own."""
        if len(self.pipeline) >= MOST_WAITING:
            self._too_many = ValidationFailed(f"Wait for answers: {MOST_WAITING} requests here do already.")
            raise self._too_many
        self._head_is_over = False
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, unless it is a trailer's."""
        if not self._head_is_over:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Let the request be answered."""
        self._head_is_over = True
        self._unread = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a piece of a body."""
        self._unread = 0
        super().on_body(body)

    def on_response_complete(self) -> None:
        """Begin the next request, or wait for one, or tell at last what is refused."""
        super().on_response_complete()
        if self._refusal is not None and self._everybody_is_answered:
            self._end_with(self._refusal)
        else:
            self._patience.answered()

    def _refuse(self, error: FairleadError) -> None:
        """End the connection with an error, once those whose requests came before it have their answers."""
        self._refusal = error
        last: RequestResponseCycle | None = self.cycle
        unfinished = last if last is not None and last.more_body else None
        if self.pipeline and self.pipeline[0][0] is unfinished:
            self.pipeline.popleft()
        if unfinished is not None and unfinished is self._answered and unfinished.response_started:
            self.transport.close()
        elif self._everybody_is_answered or unfinished is self._answered:
            self._end_with(error)

    @property
    def _everybody_is_answered(self) -> bool:
        return not self.pipeline and (self._answered is None or self._answered.response_complete)

    def _end_with(self, error: FairleadError) -> None:
        self.transport.write(_written(error))
        self.transport.close()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._answered = cycle
        super()._start_asgi_task(cycle, app)

    def _should_upgrade(self) -> bool:
        """Tell whether the request offers another protocol, so that it is not answered from here."""
        return self._get_upgrade() is not None

    def _hand_over(self, rest: bytes) -> None:
        """Let the connection be read from this request on by the parser in Python."""
        if self._answered is not None and not self._answered.response_complete:
            self._refuse(ValidationFailed("Wait for the answer before you offer another protocol."))
            return
        head = b"%s %s HTTP/1.1\r\n" % (self.scope["method"].encode(), self.url)
        headers = b"".join(b"%s: %s\r\n" % header for header in self.headers)
        slower = _Slower(self.patience_seconds, self.config, self.server_state, self.app_state)
        self._patience.end()
        self.connections.discard(self)
        slower.connection_made(self.transport)
        self.transport.set_protocol(slower)
        slower.data_received(head + headers + b"\r\n" + rest)


class _Slower(H11Protocol):
    """A connection that was handed over."""

    def __init__(self, patience_seconds: float, *given: Any) -> None:
        super().__init__(*given)
        self._patience = Patience(self, seconds=patience_seconds)

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]  # as uvicorn's
        super().connection_made(transport)
        self._patience.begin()

    def connection_lost(self, exc: Exception | None) -> None:
        self._patience.end()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._patience.heard()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - ours is in our own words
        last: SlowerCycle | None = self.cycle
        if last is None or last.response_complete or not last.response_started:
            self.transport.write(_written(ValidationFailed(_UNREADABLE)))
        self.transport.close()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._patience.answered()


def _written(error: FairleadError) -> bytes:
    """Return an error as the last answer of a connection."""
    answer = error_response(error, request_id=(request_id := new_id()))
    headers = [*answer.raw_headers, (b"x-request-id", request_id.encode()), (b"connection", b"close")]
    head = b"".join(b"%b: %b\r\n" % header for header in headers)
    return STATUS_LINE[answer.status_code] + head + b"\r\n" + bytes(answer.body)
