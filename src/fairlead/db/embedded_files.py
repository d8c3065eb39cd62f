"""The data directory of the embedded PostgreSQL: where things are, whether they are ours, the passwords.

Promises: `locate` and `check` change nothing, so a directory that is not ours stays as it was. The passwords
are readable by nobody but the user of this process.

Must not start, stop or talk to a server. Surprise: the socket's path has a hard limit of about a hundred
bytes, which is why everything here has a short name.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import quote

from fairlead.errors import EmbeddedDatabaseFailed

MAJOR_VERSION = "18"
_SOCKET_NAME = ".s.PGSQL.5432"
# The kernel's sockaddr_un.sun_path, less the closing zero byte.
_SOCKET_PATH_BYTES = 103 if sys.platform == "darwin" else 107
_EXPLANATIONS = {
    errno.EACCES: "permission denied; make it accessible to this user",
    errno.EPERM: "permission denied; make it accessible to this user",
    errno.EROFS: "the file system is read-only; make it writable",
    errno.ENOTDIR: "there is a file where a directory has to be; move it away",
    errno.EEXIST: "there is a file where a directory has to be; move it away",
    errno.ENOSPC: "the disk is full; free some space",
    errno.EDQUOT: "the disk quota is used up; free some space",
}


@dataclass(frozen=True, slots=True)
class Layout:
    """Every path below one data directory, which is absolute and free of symbolic links."""

    root: Path

    @property
    def cluster(self) -> Path:
        """The data of PostgreSQL itself."""
        return self.root / "postgresql"

    @property
    def unfinished(self) -> Path:
        """A cluster that is being made, or was when the power went."""
        return self.root / "postgresql.new"

    @property
    def sockets(self) -> Path:
        """The directory of the server's socket, open to the server's account alone."""
        return self.root / "run"

    @property
    def socket_pid_file(self) -> Path:
        """The file with which PostgreSQL guards its socket."""
        return self.sockets / f"{_SOCKET_NAME}.lock"

    @property
    def server_log(self) -> Path:
        """What the server has to say, warnings and worse."""
        return self.root / "postgresql.log"

    @property
    def passwords(self) -> Path:
        """The passwords of both roles."""
        return self.root / "postgresql.passwords"

    def lock(self, name: str) -> Path:
        """Return the file of one of the locks."""
        return self.root / f"{name}.lock"

    def url(self, user: str, *, password: str) -> str:
        """Return the connection URL of a role for the database fairlead."""
        host = quote(str(self.sockets), safe="/")
        return f"postgresql://{user}:{password}@/fairlead?host={host}&port=5432"


@dataclass(frozen=True, slots=True)
class Passwords:
    """The passwords of both roles, safe in a URL and in SQL."""

    superuser: str
    application: str


@contextmanager
def explaining(layout: Layout) -> Iterator[None]:
    """Turn what the operating system refuses into EmbeddedDatabaseFailed with a way out."""
    try:
        yield
    except OSError as error:
        reason = _EXPLANATIONS.get(error.errno or 0, f"{error.strerror or error}; see to the cause")
        raise EmbeddedDatabaseFailed(
            f"The embedded PostgreSQL cannot use {error.filename or layout.root}: {reason}, or set "
            "FAIRLEAD_DATA_DIR to another directory."
        ) from error


def locate(data_dir: Path) -> Layout:
    """Return the paths below a data directory, which may be relative and need not exist.

    Raises EmbeddedDatabaseFailed for a path that PostgreSQL cannot use; nothing is touched.
    """
    layout = Layout(data_dir.resolve())
    length = len(os.fsencode(layout.sockets / _SOCKET_NAME))
    if length > _SOCKET_PATH_BYTES:
        raise EmbeddedDatabaseFailed(
            f"FAIRLEAD_DATA_DIR is too long: the socket {layout.sockets / _SOCKET_NAME} has {length} bytes "
            f"and may have {_SOCKET_PATH_BYTES}; set FAIRLEAD_DATA_DIR to a shorter path."
        )
    # libpq and PostgreSQL read a comma as the end of one directory and the start of the next.
    if not str(layout.root).isprintable() or "," in str(layout.root):
        raise EmbeddedDatabaseFailed(
            f"FAIRLEAD_DATA_DIR is {str(layout.root)!r}; set it to a path without commas or control characters."
        )
    return layout


def check(layout: Layout) -> None:
    """Raise EmbeddedDatabaseFailed when the cluster is there but not ours to use; nothing is touched."""
    cluster = layout.cluster
    try:
        owner = cluster.stat().st_uid
    except FileNotFoundError:
        return
    if os.geteuid() not in {0, owner}:
        raise EmbeddedDatabaseFailed(
            f"The data in {cluster} belongs to user {owner} and this is user {os.geteuid()}; run as that user "
            "or set FAIRLEAD_DATA_DIR to another directory."
        )
    names = os.listdir(cluster)  # noqa: PTH208  # iterdir() is lazy and would raise only later
    if names and "PG_VERSION" not in names:
        raise EmbeddedDatabaseFailed(
            f"{cluster} has files in it but is not the data of a PostgreSQL server; nothing was touched. Move it "
            "away or set FAIRLEAD_DATA_DIR to another directory."
        )
    if names and (version := (cluster / "PG_VERSION").read_text().strip()) != MAJOR_VERSION:
        raise EmbeddedDatabaseFailed(
            f"The data in {cluster} is of PostgreSQL {version} and this is PostgreSQL {MAJOR_VERSION}; nothing was "
            f"touched. Dump it with PostgreSQL {version}, or set FAIRLEAD_DATA_DIR to another directory."
        )


def has_cluster(layout: Layout) -> bool:
    """Say whether the cluster is there; it is there completely or not at all."""
    return (layout.cluster / "PG_VERSION").exists()


def open_private(path: Path, flags: int) -> int:
    """Open or create a file that only this user may read, and return its descriptor.

    A symbolic link is refused: root would otherwise write wherever the directory's owner points it.
    """
    return os.open(path, flags | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


def obtain_passwords(layout: Layout) -> Passwords:
    """Return the passwords of both roles, invented the first time. The caller holds the start lock.

    Raises EmbeddedDatabaseFailed when the file is lost or damaged though the cluster is there.
    """
    if has_cluster(layout) or layout.passwords.exists():
        return _read_passwords(layout)
    passwords = Passwords(secrets.token_urlsafe(24), secrets.token_urlsafe(24))
    unfinished = layout.passwords.with_suffix(".new")
    with os.fdopen(open_private(unfinished, os.O_WRONLY | os.O_TRUNC), "w") as file:
        json.dump(asdict(passwords), file)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(layout.passwords)
    sync_directory(layout.root)
    return passwords


def _read_passwords(layout: Layout) -> Passwords:
    try:
        return Passwords(**json.loads(layout.passwords.read_text()))
    except (FileNotFoundError, ValueError, TypeError) as error:
        raise EmbeddedDatabaseFailed(
            f"The passwords of the embedded PostgreSQL in {layout.passwords} are missing or damaged; restore that "
            "file from a backup or set FAIRLEAD_DATA_DIR to another directory."
        ) from error


def sync_directory(directory: Path) -> None:
    """Make renames in a directory outlive a power failure."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
