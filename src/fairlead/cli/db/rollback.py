"""`fairlead db rollback`: take migrations back."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from fairlead.cli.db.migrate import Attempts, LockTimeout, Verbose, Wait
from fairlead.cli.db.place import TargetName, place
from fairlead.cli.db.telling import teller
from fairlead.cli.output import AsJson, messages, show_json, to_json
from fairlead.cli.running import command, interruptible
from fairlead.db.migrating import run
from fairlead.db.migrating.session import Patience
from fairlead.errors import DestructiveRefused, MigrationFailed
from fairlead.toolkit.rollback import Way, way_back
from fairlead.toolkit.runner import migrations_of

_PATIENCE = Patience()


@command
def rollback(
    *,
    to: Annotated[
        str, typer.Option("--to", metavar="REVISION", help="Back to this revision, which stays; 'base': to the start.")
    ] = "-1",
    yes: Annotated[bool, typer.Option("--yes", help="Do it, whatever is lost.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be lost; change nothing.")] = False,
    lock_timeout: LockTimeout = _PATIENCE.lock_timeout_seconds,
    attempts: Attempts = _PATIENCE.attempts,
    wait: Wait = None,
    verbose: Verbose = False,
    target: TargetName = "",
    as_json: AsJson = False,
) -> None:
    """Take the newest migration back, or all behind a revision, saying first what is lost.

    Exit code 3 when something would be lost, nobody is at a terminal to be asked, and --yes is not given.
    """
    interruptible()
    with place(target) as here:
        way = way_back(here.url, here.target, to=to)
        _show(way)
        undone: list[str] = []
        if not dry_run and way.revisions:
            _insist_on_possible(way)
            _insist_on_consent(way, yes=yes)
            undone = run.downgrade(
                here.url,
                migrations_of(here.target),
                to=to,
                patience=Patience(lock_timeout, attempts, wait),
                tell=teller(verbose=verbose),
            )
    if as_json:
        show_json({"takenBack": undone, "losses": to_json(way.losses), "impossible": list(way.impossible)})
    elif not dry_run:
        messages.print(f"Took back {len(undone)} migration(s)." if undone else "There is nothing to take back.")


def _show(way: Way) -> None:
    for name in way.revisions:
        messages.print(f"To be taken back: {name}", markup=False)
    for loss in way.losses:
        messages.print(f"  lost: {loss.sentence}", markup=False, soft_wrap=True)
    for column in way.impossible:
        messages.print(f"  cannot come back: {column}", markup=False, soft_wrap=True)


def _insist_on_possible(way: Way) -> None:
    if way.impossible:
        raise MigrationFailed(
            "There is no way back while there are rows: a column is NOT NULL, what was in it is gone, and nothing can "
            "stand for that. Nothing was changed.",
            details=dict.fromkeys(
                way.impossible, "Empty its table first, or write into the downgrade where values are to come from."
            ),
        )


def _insist_on_consent(way: Way, *, yes: bool) -> None:
    if not way.losses or yes:
        return
    lost = "; ".join(loss.sentence for loss in way.losses)
    if not sys.stdin.isatty():
        raise DestructiveRefused(f"This would lose {lost}. Nothing was changed; say --yes to do it all the same.")
    if not typer.confirm("Do it, and lose that?", err=True):
        raise DestructiveRefused("Nothing was changed.")
