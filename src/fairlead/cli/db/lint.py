"""`fairlead db lint`: what is dangerous in the SQL of migrations."""

from __future__ import annotations

from typing import Annotated

import typer

from fairlead.cli.db.place import TargetName, chosen_target
from fairlead.cli.db.selecting import Revisions, Since, selected
from fairlead.cli.output import AsJson, answers, messages, show_json, to_json
from fairlead.cli.running import command
from fairlead.toolkit.lint import OLDEST, Finding
from fairlead.toolkit.lint import lint as findings_of

PgVersion = Annotated[
    str, typer.Option("--pg-version", help="The oldest PostgreSQL that it will run on; rules depend on it.")
]


@command
def lint(
    revisions: Revisions = None,
    *,
    since: Since = "",
    pg_version: PgVersion = OLDEST,
    target: TargetName = "",
    as_json: AsJson = False,
) -> None:
    """Find what is dangerous in the SQL of migrations while others read and write; exit code 1 when something is.

    A statement is excused by `-- squawk-ignore rule` on the line before it, in its SQL; a revision by LINT_IGNORE in
    its file, a list of rules or a dictionary from rules to reasons.
    """
    here = chosen_target(target)
    names = selected(here, revisions, since=since)
    found = findings_of(here, names, pg_version=pg_version)
    if as_json:
        show_json({"revisions": names, "findings": to_json(found)})
    else:
        for finding in found:
            show_finding(finding)
        messages.print(f"{len(found)} finding(s) in {len(names)} revision(s).")
        if found:
            messages.print(excuse(found), markup=False, soft_wrap=True)
    if found:
        raise typer.Exit(1)


def excuse(found: list[Finding]) -> str:
    """Say how what has its reason is excused."""
    rules = ", ".join(f'"{rule}": "why"' for rule in dict.fromkeys(finding.rule for finding in found))
    return f"Mend that, or write the reason into the revision: LINT_IGNORE = {{{rules}}}"


def show_finding(finding: Finding) -> None:
    """Print one, with its place as editors know it."""
    place = f"{finding.file}:{finding.line}"
    answers.print(f"{place}: {finding.rule}: {finding.sentence}", markup=False, soft_wrap=True)
    if finding.remedy:
        answers.print(f"    {finding.remedy}", markup=False, soft_wrap=True)
