"""The embedded PostgreSQL of a test run: one for all its processes, gone without a trace when the last of them leaves.

The directory is its own lock: held while a process comes or goes, so that nobody removes what another is opening.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fairlead.db.embedded import EmbeddedOptions, EmbeddedServer
from fairlead.db.embedded_files import locate
from fairlead.db.embedded_locks import is_free


@contextmanager
def shared_server(run: str, *, folder: Path | None = None) -> Iterator[EmbeddedServer]:
    """Give the server that the processes of a run share, in a directory of `folder`, or of the one for temporary files.

    `run` names the run; short, because the path of a socket may not be long. Raises EmbeddedDatabaseFailed.
    """
    directory = (folder or Path(tempfile.gettempdir())) / f"fairlead-{run}"
    with _alone(directory):
        server = EmbeddedServer.open(EmbeddedOptions(data_dir=directory))
    try:
        yield server
    finally:
        with _alone(directory):
            server.close()
            if is_free(locate(directory), "lifetime"):
                shutil.rmtree(directory)


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    descriptor = _locked(directory)
    try:
        yield
    finally:
        os.close(descriptor)


def _locked(directory: Path) -> int:
    """Return the descriptor of a directory that is locked and still there; make it when it is not."""
    while True:
        directory.mkdir(mode=0o700, exist_ok=True)
        try:
            descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            continue
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if directory.exists() and os.path.samestat(os.fstat(descriptor), directory.stat()):
            return descriptor
        os.close(descriptor)
