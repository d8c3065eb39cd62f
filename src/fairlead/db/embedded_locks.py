"""The locks of the embedded PostgreSQL, all files in its data directory and all freed by the kernel at a death.

`start` serialises starting and stopping. `claims` is shared by the users of the server. `lifetime` is held by
the server's own processes, which inherit it: while it is taken, one of them lives.

Promises: no descriptor reaches another program unless it is passed on purpose. Surprise: `is_free` takes the
lock for an instant, so `claims` and `lifetime` are only looked at by a process that holds `start`.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from fairlead.db.embedded_files import Layout, open_private
from fairlead.errors import EmbeddedDatabaseFailed

_POLL_SECONDS = 0.01


@contextmanager
def locked(layout: Layout, name: str, *, seconds: float) -> Iterator[None]:
    """Hold a lock alone, after waiting for it at most so many seconds.

    Raises EmbeddedDatabaseFailed when somebody else holds it for longer.
    """
    descriptor = open_private(layout.lock(name), os.O_RDWR)
    try:
        deadline = time.monotonic() + seconds
        while not _try_lock(descriptor, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                raise EmbeddedDatabaseFailed(
                    f"Another process has been starting or stopping the embedded PostgreSQL in {layout.root} for "
                    f"{seconds:g} s; try again when it is done."
                )
            time.sleep(_POLL_SECONDS)
        yield
    finally:
        os.close(descriptor)


def take(layout: Layout, name: str, *, operation: int) -> int:
    """Return the descriptor of a lock nobody stands in the way of, because the caller holds `start`.

    Raises EmbeddedDatabaseFailed when a program that is not ours holds it.
    """
    descriptor = open_private(layout.lock(name), os.O_RDWR)
    if _try_lock(descriptor, operation):
        return descriptor
    os.close(descriptor)
    raise EmbeddedDatabaseFailed(
        f"Something outside Fairlead holds the lock {layout.lock(name)}; end it and try again."
    )


def is_free(layout: Layout, name: str) -> bool:
    """Say whether no living process holds a lock in any way."""
    descriptor = open_private(layout.lock(name), os.O_RDWR)
    try:
        return _try_lock(descriptor, fcntl.LOCK_EX)
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int, operation: int) -> bool:
    try:
        fcntl.flock(descriptor, operation | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
