"""`fairlead doctor`: examine the database and say what to do about what is found."""

from __future__ import annotations

from typing import Any, Final

import typer
from rich.text import Text

from fairlead.bootstrap import database_server, shadow_server
from fairlead.cli.db.place import chosen_target
from fairlead.cli.output import AsJson, answers, messages, show_json, to_json
from fairlead.cli.running import command, loaded
from fairlead.settings import Settings
from fairlead.toolkit.doctor.examination import examine
from fairlead.toolkit.doctor.finding import Finding, Report, Severity
from fairlead.toolkit.doctor.installation import targets_beside
from fairlead.toolkit.doctor.patient import Patient, Wiring
from fairlead.toolkit.environment import connected

_COLOURS: Final = {Severity.NOTE: "cyan", Severity.WARNING: "yellow", Severity.ERROR: "red"}


@command
def doctor(*, as_json: AsJson = False) -> None:
    """Examine the database: what loses data, opens walls, slows or stops work, and what to do; nothing is changed.

    Exits with 1 when something is found that is an error.
    """
    settings = loaded()
    with database_server(settings) as url, shadow_server(settings) as workshop_url:
        wiring = _wiring(settings, url, workshop_url)
        with connected(wiring.session_url) as connection:
            targets = targets_beside(connection, chosen_target())
            report = examine(Patient(connection, wiring, targets))
    if as_json:
        show_json(_plain(report))
    else:
        _show(report)
    if report.worst is Severity.ERROR:
        raise typer.Exit(1)


def _wiring(settings: Settings, url: str, workshop_url: str) -> Wiring:
    direct = settings.database_direct_url
    return Wiring(
        url=url,
        direct_url=None if direct is None else direct.get_secret_value(),
        prepares=settings.database_prepare,
        pool_size=settings.database_pool_size,
        workshop_url=workshop_url,
    )


def _plain(report: Report) -> dict[str, Any]:
    return {
        "severity": str(report.worst),
        "findings": [{**to_json(finding), "severity": str(finding.severity)} for finding in report.findings],
        "ok": list(report.healthy),
        "notChecked": report.not_checked,
    }


def _show(report: Report) -> None:
    for finding in report.findings:
        answers.print(_paragraph(finding), soft_wrap=True)
    for reason in dict.fromkeys(report.not_checked.values()):
        codes = ", ".join(code for code, why in report.not_checked.items() if why == reason)
        messages.print(f"Not checked: {codes}. {reason}", markup=False, soft_wrap=True)
    counts = [sum(finding.severity is severity for finding in report.findings) for severity in Severity]
    messages.print(
        f"{counts[Severity.ERROR]} error(s), {counts[Severity.WARNING]} warning(s), {counts[Severity.NOTE]} note(s); "
        f"{len(report.healthy)} conditions looked for and not found, {len(report.not_checked)} not looked for."
    )


def _paragraph(finding: Finding) -> Text:
    return Text.assemble(
        (f"{finding.severity}", f"bold {_COLOURS[finding.severity]}"),
        f" {finding.sentence} ",
        (f"[{finding.code}]", "dim"),
        f"\n    {finding.remedy}",
    )
