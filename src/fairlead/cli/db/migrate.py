"""`fairlead db migrate`: apply the pending migrations."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from fairlead.cli.db.place import TargetName, place
from fairlead.cli.db.telling import teller
from fairlead.cli.output import AsJson, answers, messages, show_json
from fairlead.cli.running import command, interruptible
from fairlead.db.migrating import run
from fairlead.db.migrating.session import Patience
from fairlead.toolkit.runner import migrations_of

_PATIENCE = Patience()
Revision = Annotated[str, typer.Option("--to", metavar="REVISION", help="As far as this revision, included.")]
LockTimeout = Annotated[
    float,
    typer.Option(min=0, help="Seconds a statement waits for a lock before its revision gives way and tries again."),
]
Attempts = Annotated[int, typer.Option(min=1, help="Tries of a revision to get its locks.")]
Wait = Annotated[
    float | None, typer.Option("--wait", min=0, help="Seconds to wait for another run; by default any time.")
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show every statement as it is sent.")]


@command
def migrate(
    *,
    to: Revision = "head",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be applied; change nothing.")] = False,
    as_sql: Annotated[bool, typer.Option("--sql", help="Print the pending SQL instead of running it.")] = False,
    lock_timeout: LockTimeout = _PATIENCE.lock_timeout_seconds,
    attempts: Attempts = _PATIENCE.attempts,
    wait: Wait = None,
    verbose: Verbose = False,
    target: TargetName = "",
    as_json: AsJson = False,
) -> None:
    """Apply the pending migrations, each in its own transaction; safe to run twice, or on several machines at once.

    A revision that does not get its locks in time gives way to everybody else and is tried again. A run that was
    broken off is gone on with. Exit code 1 when anything fails.
    """
    interruptible()
    with place(target) as here:
        migrations = migrations_of(here.target)
        if as_sql or dry_run:
            plan = run.plan(here.url, migrations, to=to, with_sql=as_sql)
            _show_plan(plan, as_sql=as_sql, as_json=as_json)
            return
        applied = run.upgrade(
            here.url,
            migrations,
            to=to,
            patience=Patience(lock_timeout, attempts, wait),
            tell=teller(verbose=verbose),
        )
    if as_json:
        show_json({"applied": applied})
    else:
        messages.print(f"Applied {len(applied)} migration(s)." if applied else "The schema is the newest already.")


def _show_plan(plan: list[run.Planned], *, as_sql: bool, as_json: bool) -> None:
    if as_json:
        show_json({"pending": [asdict(planned) for planned in plan]})
    elif as_sql:
        for planned in plan:
            answers.out(planned.sql, highlight=False)
    else:
        for planned in plan:
            messages.print(f"Would apply {planned.revision}: {planned.summary}", markup=False)
        messages.print(f"{len(plan)} migration(s) pending; nothing was changed." if plan else "Nothing is pending.")
