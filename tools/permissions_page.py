"""The reference page of roles and permissions, written from `domain/permissions.py`.

python -m tools.permissions_page             write docs/reference/permissions.md
python -m tools.permissions_page --check     change nothing; print a diff and exit 1 when it is out of date
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from fairlead.domain.permissions import KEY_SCOPES, MEANINGS, SYSTEM_ROLES, Permission
from tools.generated_page import GeneratedPage

_HEAD: Final = """\
<!-- Generated from src/fairlead/domain/permissions.py by `make golden`; do not edit. -->

# Roles and permissions

A member of an organization may do what any of the member's roles allows, and nothing else. Four roles are the same in
every organization and cannot be changed. An organization makes more of them, out of the same permissions. Nobody makes,
changes, gives or takes a role that allows more than they may do themselves, and an organization that has an owner
always keeps one.

An API key carries permissions as its scopes. It may do what its scopes and the roles of the member it acts for both
allow at that moment.

"""


def expected_page() -> str:
    """Return the page as it should be."""
    columns = {**{f"`{role}`": allowed for role, allowed in SYSTEM_ROLES.items()}, "API key": KEY_SCOPES}
    lines = [["permission", "what it allows", *columns], ["---", "---", *(":-:" for _ in columns)]]
    for permission in Permission:
        marks = ("yes" if permission in allowed else "" for allowed in columns.values())
        lines.append([f"`{permission}`", MEANINGS[permission], *marks])
    return _HEAD + "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


PAGE: Final = GeneratedPage(Path("docs", "reference", "permissions.md"), expected_page, "tools.permissions_page")

if __name__ == "__main__":
    sys.exit(PAGE.main())
