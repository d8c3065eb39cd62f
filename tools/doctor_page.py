"""The reference page of what `fairlead doctor` finds, written from the conditions that its checks declare.

python -m tools.doctor_page             write docs/reference/doctor.md
python -m tools.doctor_page --check     change nothing; print a diff and exit 1 when it is out of date
"""

from __future__ import annotations

import sys
from dataclasses import fields
from pathlib import Path
from typing import Final

from fairlead.toolkit.doctor.examination import GROUPS
from fairlead.toolkit.doctor.finding import Condition
from fairlead.toolkit.doctor.patient import Limits
from tools.generated_page import GeneratedPage

_HEAD: Final = """\
<!-- Generated from src/fairlead/toolkit/doctor by `make golden`; do not edit. -->

# What `fairlead doctor` finds

`fairlead doctor` examines the database that Fairlead's settings name: the server, the walls between organizations, the
tables that are always in use, and work that does not move. It changes nothing: each look is a read-only transaction
that gives up after 20 seconds. (To see whether the schema is the declared one it makes a throw-away database beside it,
for which the login needs CREATEDB, or FAIRLEAD_SHADOW_URL names a server where it may.) It exits with 1 when something
is found that is an error, else with 0.

```
fairlead doctor           # findings on standard output, the worst first; a count and what was not checked beside
fairlead doctor --json    # {"severity": …, "findings": […], "ok": […], "notChecked": {code: reason}}
```

A finding has a code that never changes, a severity, a sentence with the measured value, and what to do. Every code is
in exactly one place of the answer: found, looked for and not found (`ok`), or not checked, with the reason. An *error*
breaks a promise, or soon will; a *warning* costs time or room, or will be an error; a *note* is worth knowing. Where
two are named, the measured value decides.

The statements that are told as remedies are run as the owner of the tables (`set role fairlead_owner`) or as an
administrator.
"""
_LIMITS: Final = """
## From where on

| limit | value |
| --- | --: |
"""


def expected_page() -> str:
    """Return the page as it should be."""
    parts = [_HEAD]
    for group in GROUPS:
        first, _, rest = (group.__doc__ or "").partition("\n\n")
        parts.append(f"\n## {first.strip().rstrip('.')}\n\n{rest.strip()}\n".replace("\n\n\n", "\n\n"))
        parts.append("\n| code | severity | what it means | what to do |\n| --- | --- | --- | --- |\n")
        parts += [_row(condition) for check in group.CHECKS for condition in check.conditions]
    parts.append(_LIMITS)
    limits = Limits()
    parts += [f"| {field.name.replace('_', ' ')} | {getattr(limits, field.name):,} |\n" for field in fields(limits)]
    return "".join(parts).replace("\n\n\n", "\n\n")


def _row(condition: Condition) -> str:
    worst = f" or {condition.at_worst}" if condition.at_worst is not None else ""
    return f"| `{condition.code}` | {condition.severity}{worst} | {condition.means} | {condition.remedy} |\n"


PAGE: Final = GeneratedPage(Path("docs", "reference", "doctor.md"), expected_page, "tools.doctor_page")

if __name__ == "__main__":
    sys.exit(PAGE.main())
