"""The account the embedded PostgreSQL runs as, and what it has to be able to reach.

PostgreSQL refuses to run as root. A process of root therefore runs it as the owner of the existing cluster, or
as `nobody` for a new one; any other user runs it as itself, and nothing here changes a permission then.

Promises: no account is made; an account gains at most permission to pass through a directory (never to list
it) and to read the bundled programs, only where it lacks that, and each such change is logged.
"""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import structlog

from fairlead.db.embedded_files import Layout
from fairlead.errors import EmbeddedDatabaseFailed

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Account:
    """The account a server runs as when this process is root."""

    uid: int
    gid: int


def server_account(layout: Layout) -> Account | None:
    """Return the account a server has to run as, or None for the user of this process.

    Raises EmbeddedDatabaseFailed when this is root and there is no account `nobody`.
    """
    if os.geteuid() != 0:
        return None
    if layout.cluster.exists() and (found := layout.cluster.stat()).st_uid != 0:
        return Account(found.st_uid, found.st_gid)
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise EmbeddedDatabaseFailed(
            "PostgreSQL refuses to run as root and there is no account 'nobody'; run as another user or set "
            "FAIRLEAD_DATABASE_URL."
        ) from None
    return Account(nobody.pw_uid, nobody.pw_gid)


def make_own_directory(path: Path, account: Account | None) -> None:
    """Make a directory, unless it is there, that only the server's account may use."""
    path.mkdir(mode=0o700, exist_ok=True)
    if account is not None:
        os.chown(path, account.uid, account.gid, follow_symlinks=False)


def let_pass(account: Account, targets: Iterable[Path]) -> None:
    """Let an account pass through every directory above the targets, where it cannot yet."""
    for directory in sorted({parent for target in targets for parent in target.resolve().parents}):
        if _permit(directory, account, wanted=stat.S_IXOTH):
            _log.warning("embedded_postgresql_directory_opened", directory=str(directory), uid=account.uid)


def let_read(account: Account, trees: Iterable[Path]) -> None:
    """Let an account read, and run what can be run, in whole trees, where it cannot yet."""
    changed = 0
    for tree in trees:
        for directory, _, names in os.walk(tree):
            changed += _permit(Path(directory), account, wanted=stat.S_IROTH | stat.S_IXOTH)
            for name in names:
                path = Path(directory, name)
                runs = stat.S_IXOTH if path.stat().st_mode & stat.S_IXUSR else 0
                changed += _permit(path, account, wanted=stat.S_IROTH | runs)
    if changed:
        _log.warning("embedded_postgresql_programs_made_readable", files=changed, uid=account.uid)


def _permit(path: Path, account: Account, *, wanted: int) -> bool:
    """Add permissions, given as those of others, in the class that counts for the account."""
    found = path.stat()
    if found.st_uid == account.uid:
        wanted <<= 6
    elif found.st_gid == account.gid:
        wanted <<= 3
    if found.st_mode & wanted == wanted:
        return False
    path.chmod(stat.S_IMODE(found.st_mode) | wanted)
    return True
