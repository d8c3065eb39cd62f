"""`fairlead db generate`: write the revision that leads from the migrations to the models."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from fairlead.cli.db.lint import excuse
from fairlead.cli.db.place import TargetName, chosen_target, near, workshop
from fairlead.cli.db.questions import ask_forfeit, ask_rename, ask_value
from fairlead.cli.output import AsJson, answers, messages, show_json, to_json
from fairlead.cli.running import command
from fairlead.errors import LinterMissing
from fairlead.toolkit import generate as revisions
from fairlead.toolkit.decisions import Deciding
from fairlead.toolkit.hints import read_hints
from fairlead.toolkit.lint import Finding, lint
from fairlead.toolkit.revision_file import Draft, source
from fairlead.toolkit.target import Target


@command
def generate(
    *,
    message: Annotated[str, typer.Option("--message", "-m", help="What changes; becomes the file's name.")],
    rename: Annotated[
        list[str] | None, typer.Option("--rename", metavar="OLD=NEW", help="users.fullname=users.name, users=people, …")
    ] = None,
    allow_drop: Annotated[
        list[str] | None,
        typer.Option("--allow-drop", metavar="NAME", help="It goes, with all that is in it, or is changed for good."),
    ] = None,
    backfill: Annotated[
        list[str] | None,
        typer.Option("--backfill", metavar="COLUMN=SQL", help="What rows get that have nothing there."),
    ] = None,
    cast: Annotated[
        list[str] | None, typer.Option("--cast", metavar="COLUMN=SQL", help="How a column becomes its new type.")
    ] = None,
    hints: Annotated[Path | None, typer.Option(metavar="FILE", help="The same answers, as JSON.")] = None,
    custom: Annotated[bool, typer.Option("--custom", help="An empty revision, to be filled in by hand.")] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Show it and write nothing.")] = False,
    target_name: TargetName = "",
    as_json: AsJson = False,
) -> None:
    """Write the revision that leads from the migrations to the models, with its SQL beside it; asks about renames."""
    given = read_hints(hints, renames=rename or (), drops=allow_drop or (), backfills=backfill or (), casts=cast or ())
    target = chosen_target(target_name)
    wanted = revisions.Wanted(message, datetime.now(UTC).date())
    asking = not as_json and sys.stdin.isatty() and sys.stderr.isatty()
    deciding = Deciding(given, *((ask_rename, ask_value, ask_forfeit) if asking else ()))
    with workshop() as url:
        if custom:
            drafts = revisions.custom(target, wanted)
        else:
            drafts = revisions.generate(target, url, wanted=wanted, deciding=deciding)
    written = [] if explain else revisions.write(target, drafts)
    found = _linted(target, drafts) if written else []
    if as_json:
        told = [_json(draft, explain=explain) for draft in drafts]
        show_json({"revisions": told, "written": list(map(str, written)), "findings": to_json(found)})
    else:
        _tell(drafts, written)
        _warn(found)


def _linted(target: Target, drafts: list[Draft]) -> list[Finding]:
    """Return what the linter finds; nothing where it is not installed, which `review` says."""
    try:
        return lint(target, [draft.revision for draft in drafts])
    except LinterMissing:
        return []


def _warn(found: list[Finding]) -> None:
    """Say what only a person can tell to be harmless: a value that may be missing now, a number that may grow."""
    if found:
        messages.print("The linter asks about what may be meant so:")
        for finding in found:
            place = f"{finding.file}:{finding.line}"
            messages.print(f"  {place}: {finding.rule}: {finding.sentence}", markup=False, soft_wrap=True)
        messages.print(excuse(found), markup=False, soft_wrap=True)


def _json(draft: Draft, *, explain: bool) -> dict[str, object]:
    about: dict[str, object] = {"revision": draft.revision, "after": draft.after, "does": list(draft.sentences)}
    about["warnings"] = list(draft.warnings)
    return {**about, "source": source(draft)} if explain else about


def _tell(drafts: list[Draft], written: list[Path]) -> None:
    if not drafts:
        messages.print("No changes: the migrations build what the models declare.")
    for draft in drafts:
        if not written:
            answers.print(source(draft), markup=False, highlight=False, soft_wrap=True)
        for sentence in draft.sentences if written else ():
            messages.print(f"  {sentence}", markup=False)
        for warning in draft.warnings if written else ():
            messages.print(f"Note: {warning}", markup=False, soft_wrap=True)
    for path in written:
        messages.print(f"Wrote {near(path)}", markup=False, soft_wrap=True)
    if written:
        messages.print("Read it, then apply it: fairlead db review, fairlead db migrate", markup=False)
