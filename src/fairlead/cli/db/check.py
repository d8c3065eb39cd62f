"""`fairlead db check`: whether models, migrations, rendered SQL and the database agree."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from fairlead.cli.db.place import TargetName, chosen_target, place, workshop
from fairlead.cli.output import AsJson, answers, messages, show_json, to_json
from fairlead.cli.running import command
from fairlead.toolkit.check import Finding, check_database
from fairlead.toolkit.check import check as check_files

_DRIFTED: Final = 4


@command
def check(
    *,
    live: Annotated[bool, typer.Option("--live", help="Hold the database itself against the models, too.")] = False,
    target: TargetName = "",
    as_json: AsJson = False,
) -> None:
    """Compare the models with what the migrations build, down to policies, grants and functions; exit code 4 on drift.

    Also: one head, a way down that leads to what was before, rendered SQL that is up to date. It works in throw-away
    databases; nothing is changed anywhere else.
    """
    chosen = chosen_target(target)
    with workshop() as server_url:
        findings = check_files(chosen, server_url)
        if live:
            with place(target) as here:
                findings += check_database(here.target, here.url, server_url=server_url)
    if as_json:
        show_json({"target": chosen.name, "clean": not findings, "findings": to_json(findings)})
    else:
        _show(findings)
    if findings:
        raise typer.Exit(_DRIFTED)


def _show(findings: list[Finding]) -> None:
    for finding in findings:
        answers.print(f"{finding.code:<10}  {finding.sentence}", markup=False, soft_wrap=True)
    count = len(findings)
    messages.print(f"{count} finding{'s' if count > 1 else ''}." if findings else "Everything agrees.")
