"""`fairlead db review`: read a migration before it runs."""

from __future__ import annotations

from typing import Final

from fairlead.bootstrap import database_server, direct_url
from fairlead.cli.db.lint import PgVersion, show_finding
from fairlead.cli.db.place import TargetName, chosen_target, workshop
from fairlead.cli.db.selecting import Revisions, Since, selected
from fairlead.cli.output import AsJson, answers, messages, show_json, to_json
from fairlead.cli.running import command, loaded
from fairlead.errors import DatabaseUnavailable, LinterMissing
from fairlead.toolkit.lint import OLDEST
from fairlead.toolkit.locks import Effect
from fairlead.toolkit.rendering import flush
from fairlead.toolkit.review import Review, Size
from fairlead.toolkit.review import review as review_of
from fairlead.toolkit.target import Target

_UNITS: Final = ("bytes", "kB", "MB", "GB", "TB")


@command
def review(
    revisions: Revisions = None,
    *,
    since: Since = "",
    pg_version: PgVersion = OLDEST,
    target: TargetName = "",
    as_json: AsJson = False,
) -> None:
    """Show the SQL of migrations with the locks of each statement, what it rewrites or reads whole, and the lint.

    Locks are measured by running the statements on a throw-away database; the sizes are those of the database, where
    one can be reached.
    """
    here = chosen_target(target)
    found = _reviews(here, selected(here, revisions, since=since), pg_version)
    if as_json:
        show_json({"revisions": to_json(found)})
        return
    for one in found:
        _show(one)
    if not found:
        messages.print("Nothing is pending; name a revision to review it.")


def _reviews(target: Target, names: list[str], pg_version: str) -> list[Review]:
    settings = loaded()
    with workshop() as server_url, database_server(settings) as own_url:
        url: str | None = direct_url(settings, own_url)
        found = []
        for name in names:
            try:
                found.append(review_of(target, name, server_url=server_url, url=url, pg_version=pg_version))
            except DatabaseUnavailable:
                if url is None or settings.shadow_url is None:
                    raise
                url = None
                found.append(review_of(target, name, server_url=server_url, pg_version=pg_version))
                messages.print("The database cannot be reached; sizes are left out.")
        return found


def _show(review: Review) -> None:
    answers.print(f"{review.revision}: {review.summary}", style="bold", markup=False, soft_wrap=True)
    sizes = {size.table: size for size in review.sizes}
    for effect in review.effects:
        answers.print(f"\n{flush(effect.statement)};", markup=False, soft_wrap=True)
        for line in _told(effect, sizes):
            answers.print(f"    -- {line}", style="dim", markup=False, soft_wrap=True)
    answers.print()
    for loss in review.losses:
        answers.print(f"lost: {loss.sentence}", markup=False, soft_wrap=True)
    for one in review.fired:
        answers.print(f"fires: updating {one.table}: {one.sentence}", markup=False, soft_wrap=True)
    for finding in review.findings or ():
        show_finding(finding)
    if not review.findings:
        answers.print("The linter finds nothing." if review.findings == () else f"Not linted. {LinterMissing()}")
    answers.print()


def _told(effect: Effect, sizes: dict[str, Size]) -> list[str]:
    until = "" if effect.alone else ", until the revision is committed"
    told = [
        f"locks {lock.table}{_size(sizes.get(lock.table))}: {lock.mode}: {lock.meaning}{until}" for lock in effect.locks
    ]
    if effect.known_by == "nothing":
        told.append("what it locks cannot be told: it commits by itself")
    told += [f"writes {table} anew, every row and every index" for table in effect.rewrites]
    told += [f"reads {table} from end to end" for table in effect.reads_whole]
    return told


def _size(size: Size | None) -> str:
    if size is None:
        return ""
    amount, unit = float(size.bytes), 0
    while amount >= 1024 and unit < len(_UNITS) - 1:  # noqa: PLR2004 - what a kB has
        amount, unit = amount / 1024, unit + 1
    rows = "never analyzed" if size.rows is None else f"{size.rows:,} rows"
    return f" ({rows}, {amount:.0f} {_UNITS[unit]})"
