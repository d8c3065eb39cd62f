"""The embedded PostgreSQL: the database of Fairlead when FAIRLEAD_DATABASE_URL is not set.

A real, durable server that comes with Fairlead, keeps its data below FAIRLEAD_DATA_DIR, and is reached through
a Unix socket with a random password; it has no TCP port. Every process that uses it holds a claim, and the
last to close stops it. All of this is synchronous: call it in a thread.

Surprise: a process that dies without `close` leaves the server running, and the next `open` adopts it. The
data directory has to be on a local file system, because the locks are.
"""

from __future__ import annotations

import fcntl
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import structlog

from fairlead.db.embedded_account import server_account
from fairlead.db.embedded_files import (
    Layout,
    Passwords,
    check,
    explaining,
    has_cluster,
    locate,
    obtain_passwords,
)
from fairlead.db.embedded_locks import is_free, locked, take
from fairlead.db.embedded_process import (
    Answer,
    ask,
    last_log_lines,
    log_size,
    remove_misleading_pid_files,
    signal_server,
)
from fairlead.db.embedded_programs import (
    binary,
    make_cluster,
    open_to_account,
    start_server,
)
from fairlead.errors import EmbeddedDatabaseFailed

__all__ = ["EmbeddedOptions", "EmbeddedServer", "binary"]

_POLL_SECONDS = 0.01
_FAST_STOP_SECONDS = 60
_HARD_STOP_SECONDS = 5
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class EmbeddedOptions:
    """Where the data is, and how long to wait for each of: another process, an answer, a start."""

    data_dir: Path
    start_timeout_seconds: float = 30


class EmbeddedServer:
    """A claim on the running server: it runs at least until `close`."""

    def __init__(self, layout: Layout, passwords: Passwords, *, claim: int, patience_seconds: float) -> None:
        self.url = layout.url("fairlead", password=passwords.application)
        self.superuser_url = layout.url("postgres", password=passwords.superuser)
        self._layout = layout
        self._claim: int | None = claim
        self._patience_seconds = patience_seconds

    @classmethod
    def open(cls, options: EmbeddedOptions) -> Self:
        """Make the cluster if there is none, start the server or adopt the running one, and claim it.

        Raises EmbeddedDatabaseFailed with a sentence that says what to do.
        """
        layout, seconds = locate(options.data_dir), options.start_timeout_seconds
        with explaining(layout):
            check(layout)
            binary("postgres")
            layout.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            with locked(layout, "start", seconds=seconds):
                passwords = obtain_passwords(layout)
                claim = take(layout, "claims", operation=fcntl.LOCK_SH)
                try:
                    _ensure_running(layout, passwords, seconds=seconds)
                except BaseException:
                    os.close(claim)
                    raise
        return cls(layout, passwords, claim=claim, patience_seconds=seconds)

    def close(self) -> None:
        """Give up the claim, and stop the server if that was the last one. Safe to call twice.

        Raises EmbeddedDatabaseFailed when the server does not stop; the claim is given up all the same.
        """
        claim, self._claim = self._claim, None
        if claim is None:
            return
        try:
            with explaining(self._layout), locked(self._layout, "start", seconds=self._patience_seconds):
                os.close(claim)
                claim = None
                if is_free(self._layout, "claims"):
                    _stop(self._layout)
        finally:
            if claim is not None:
                os.close(claim)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _ensure_running(layout: Layout, passwords: Passwords, *, seconds: float) -> None:
    url = layout.url("postgres", password=passwords.superuser)
    if not is_free(layout, "lifetime"):
        answer = _await_answer(layout, url, seconds=seconds)
        if answer is Answer.READY:
            return
        if answer is Answer.NOT_YET:
            raise EmbeddedDatabaseFailed(_still_busy(layout, seconds))
        if answer is Answer.SILENT:
            _log.warning("embedded_postgresql_replaced", data_dir=str(layout.root), silent_seconds=seconds)
            _stop(layout, gently=False)
    _start(layout, passwords, url=url, seconds=seconds)


def _start(layout: Layout, passwords: Passwords, *, url: str, seconds: float) -> None:
    log_start = log_size(layout)
    _launch(layout, passwords)
    try:
        answer = _await_answer(layout, url, seconds=seconds)
    except EmbeddedDatabaseFailed:
        _stop(layout)
        raise
    if answer is Answer.READY:
        return
    if answer is Answer.NOT_YET:
        raise EmbeddedDatabaseFailed(_still_busy(layout, seconds))
    if answer is Answer.SILENT:
        _stop(layout, gently=False)
    what = "ended while it started" if answer is None else f"did not answer within {seconds:g} s"
    raise EmbeddedDatabaseFailed(
        f"The embedded PostgreSQL {what}; see to the cause in {layout.server_log} and try again. It says: "
        f"{last_log_lines(layout, since=log_start)}"
    )


def _launch(layout: Layout, passwords: Passwords) -> None:
    lifetime_lock = take(layout, "lifetime", operation=fcntl.LOCK_EX)
    try:
        account = server_account(layout)
        if account is not None:
            open_to_account(layout, account)
        if not has_cluster(layout):
            make_cluster(layout, account, passwords=passwords, lifetime_lock=lifetime_lock)
        remove_misleading_pid_files(layout)
        start_server(layout, account, lifetime_lock=lifetime_lock)
    finally:
        os.close(lifetime_lock)  # the server's processes keep theirs


def _still_busy(layout: Layout, seconds: float) -> str:
    # Recovery starts from the beginning when it is interrupted, so the server is left to get on with it.
    return (
        f"The embedded PostgreSQL is still recovering or stopping after {seconds:g} s and was left to finish; "
        f"try again, and see {layout.server_log} if it takes long."
    )


def _await_answer(layout: Layout, url: str, *, seconds: float) -> Answer | None:
    """Return READY as soon as it is so, None as soon as no server process is left, else the last answer."""
    deadline = time.monotonic() + seconds
    while True:
        if is_free(layout, "lifetime"):
            return None
        answer = ask(url, seconds=deadline - time.monotonic())
        if answer is Answer.READY or time.monotonic() > deadline:
            return answer
        time.sleep(_POLL_SECONDS)


def _stop(layout: Layout, *, gently: bool = True) -> None:
    steps = [(signal.SIGINT, _FAST_STOP_SECONDS)] if gently else []
    for number, seconds in [*steps, (signal.SIGQUIT, _HARD_STOP_SECONDS), (signal.SIGKILL, _HARD_STOP_SECONDS)]:
        # A dead server is not signalled: its number may be somebody else's.
        if is_free(layout, "lifetime"):
            return
        signal_server(layout, number=number)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if is_free(layout, "lifetime"):
                return
            time.sleep(_POLL_SECONDS)
    raise EmbeddedDatabaseFailed(
        f"The embedded PostgreSQL in {layout.root} does not stop; end its processes (they work in {layout.cluster}) "
        "and try again."
    )
