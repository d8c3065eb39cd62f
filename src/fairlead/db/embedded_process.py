"""The running server of the embedded PostgreSQL: asking it, signalling it, reading what it said.

Promises: no process is signalled that can be told not to be the server, and no process number is believed
when another program has it by now. Every answer of a server is one of `Answer`, or an error with its words.

Must not start a server or hold a lock: that is `embedded`.
"""

from __future__ import annotations

import enum
import os
import signal
from contextlib import suppress
from pathlib import Path

import psycopg

from fairlead.db.embedded_files import Layout
from fairlead.errors import EmbeddedDatabaseFailed

_TAIL_BYTES = 4096
_TAIL_LINES = 6


class Answer(enum.Enum):
    """What a server says when asked for a connection."""

    READY = enum.auto()
    NOT_YET = enum.auto()  # it is starting, recovering or stopping
    SILENT = enum.auto()


def ask(url: str, *, seconds: float) -> Answer:
    """Try an authenticated connection for at most so many seconds, though never less than two.

    Raises EmbeddedDatabaseFailed when the server answers and will never accept these credentials.
    """
    try:
        psycopg.connect(url, connect_timeout=max(2, round(seconds))).close()
    except psycopg.OperationalError as error:
        text = str(error)
    else:
        return Answer.READY
    if "FATAL:" not in text:
        return Answer.SILENT
    if any(part in text for part in ("starting up", "shutting down", "recovery mode", "not yet accepting")):
        return Answer.NOT_YET
    if "too many clients" in text or "connection slots" in text:
        return Answer.READY  # it works, and others are using it
    raise EmbeddedDatabaseFailed(
        f"The embedded PostgreSQL refuses its own superuser; restore the password file and the database. {text}"
    )


def signal_server(layout: Layout, *, number: signal.Signals) -> None:
    """Signal the server's main process, unless its number now belongs to another program."""
    process = _recorded_process(layout)
    if process is None or _runs_in(layout, process) is False:
        return
    with suppress(ProcessLookupError):
        os.kill(process, number)
        os.kill(process, signal.SIGCONT)  # a stopped process would keep the signal for later


def remove_misleading_pid_files(layout: Layout) -> None:
    """Remove what makes PostgreSQL believe it runs already: a process number since given to another program.

    The caller holds the lifetime lock, so no server started here is alive. PostgreSQL deals with the number of
    a dead process itself. Raises EmbeddedDatabaseFailed when somebody else started a server on this cluster.
    """
    process = _recorded_process(layout)
    if process is None:
        return
    if _runs_in(layout, process):
        raise EmbeddedDatabaseFailed(
            f"A PostgreSQL server that Fairlead did not start (process {process}) uses {layout.cluster}; stop it."
        )
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return
    except PermissionError:
        pass  # alive, and another user's
    (layout.cluster / "postmaster.pid").unlink(missing_ok=True)
    layout.socket_pid_file.unlink(missing_ok=True)


def _recorded_process(layout: Layout) -> int | None:
    try:
        return int((layout.cluster / "postmaster.pid").read_text().split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return None


def _runs_in(layout: Layout, process: int) -> bool | None:
    """Say whether a process works in the cluster, as each server process does; None when nobody can tell."""
    try:
        return Path(f"/proc/{process}/cwd").samefile(layout.cluster)
    except OSError:
        return None


def log_size(layout: Layout) -> int:
    """Return the length of the server's log in bytes."""
    return layout.server_log.stat().st_size if layout.server_log.exists() else 0


def last_log_lines(layout: Layout, *, since: int) -> str:
    """Return the last lines the server wrote after the first `since` bytes of its log, in one line."""
    with layout.server_log.open("rb") as file:
        file.seek(max(since, log_size(layout) - _TAIL_BYTES))
        return last_lines(file.read())


def last_lines(output: bytes) -> str:
    """Return the last few lines of what a program wrote, joined into one."""
    lines = output[-_TAIL_BYTES:].decode(errors="replace").split("\n")
    return " / ".join([line.strip() for line in lines if line.strip()][-_TAIL_LINES:]) or "(no output)"
