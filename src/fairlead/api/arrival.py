"""How requests arrive: read by httptools at a fourth of the price of a parser in Python, within bounds.

By itself it takes a head, a trailer or a chunk's extension in without end, lets what comes after a body into the
headers that a request is judged by, and queues however many requests somebody sends without waiting for answers. Here
what is no body ends its connection beyond a limit that `api/edge.py` stays far below, and so do the requests beyond a
few that nobody waits for; a trailer is not read. Whoever does not go on is not waited for (`api/patience.py`).

It cannot read the body of a request that offers another protocol, as Java's client does with each first one. Nobody is
given another protocol here; such a connection is handed over to the parser in Python.
"""

from __future__ import annotations

from asyncio import Transport
from typing import Any, ClassVar, Final

from httptools import HttpParserError, HttpParserUpgrade
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from fairlead.api.patience import PATIENCE_SECONDS, Patience
from fairlead.domain.limits import HEADER_BYTES

MOST_BYTES: Final = 4 * HEADER_BYTES  # that came and led to nothing; what came in one piece may be more
MOST_WAITING: Final = 16  # requests of one connection


class TooMany(Exception):
    """Somebody sends requests without waiting; inside the parser this becomes an error of its own."""


class Arrival(HttpToolsProtocol):
    """One connection. For a server whose `h11_max_incomplete_event_size` is MOST_BYTES."""

    patience_seconds: ClassVar[float] = PATIENCE_SECONDS

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        self._unread = 0  # bytes since the last piece of a body, or the last end of a head
        self._head_is_over = False
        self._answered: RequestResponseCycle | None = None
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
        self._unset_keepalive_if_required()
        self._unread += len(data)
        try:
            self.parser.feed_data(data)
        except HttpParserUpgrade as offer:
            self._hand_over(data[offer.args[0] :])
        except HttpParserError:
            self.send_400_response("Invalid HTTP request received.")
        else:
            self._patience.heard()
            if self._unread > MOST_BYTES:
                self.send_400_response("The head of this request is too large.")

    def on_message_begin(self) -> None:
        """Begin a request; raises TooMany when many wait already."""
        if len(self.pipeline) >= MOST_WAITING:
            raise TooMany
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
        """Begin the next request, or wait for one."""
        super().on_response_complete()
        self._patience.answered()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._answered = cycle
        super()._start_asgi_task(cycle, app)

    def _should_upgrade(self) -> bool:
        """Tell whether the request offers another protocol, so that it is not answered from here."""
        return self._get_upgrade() is not None

    def _hand_over(self, rest: bytes) -> None:
        """Let the connection be read from this request on by the parser in Python."""
        if self._answered is not None and not self._answered.response_complete:
            self.send_400_response("Wait for the answer before you offer another protocol.")
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

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._patience.answered()
