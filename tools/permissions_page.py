"""The reference page of roles and permissions, written from `domain/permissions.py`.

python -m tools.permissions_page             write docs/reference/permissions.md
python -m tools.permissions_page --check     change nothing; print a diff and exit 1 when it is out of date
"""

from __future__ import annotations

import argparse
import difflib
import sys
from pathlib import Path
from typing import Final

from fairlead.domain.permissions import KEY_SCOPES, MEANINGS, SYSTEM_ROLES, Permission

ROOT: Final = Path(__file__).resolve().parent.parent
PAGE: Final = Path("docs", "reference", "permissions.md")

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


def differences(root: Path = ROOT) -> list[str]:
    """Return a unified diff, line by line, from the page there is to the page there should be."""
    path = root / PAGE
    present = path.read_text(encoding="utf-8") if path.is_file() else ""
    lines = (text.splitlines(keepends=True) for text in (present, expected_page()))
    return list(difflib.unified_diff(*lines, fromfile=str(PAGE), tofile=str(PAGE)))


def write(root: Path = ROOT) -> None:
    """Make the page what it should be."""
    (root / PAGE).parent.mkdir(parents=True, exist_ok=True)
    (root / PAGE).write_text(expected_page(), encoding="utf-8")


def main() -> int:
    """Run as a program."""
    parser = argparse.ArgumentParser(prog="python -m tools.permissions_page", description="Write or check the page.")
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 when the page is out of date")
    if not parser.parse_args().check:
        write()
        return 0
    if lines := differences():
        sys.stdout.writelines(lines)
        sys.stdout.write(f"\n{PAGE} is out of date: run 'make golden'.\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
