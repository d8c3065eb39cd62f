from __future__ import annotations

from pathlib import Path

from tools.permissions_page import PAGE

from fairlead.domain.permissions import KEY_SCOPES, SYSTEM_ROLES, Permission

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_is_up_to_date() -> None:
    """The page in the checkout is what the table of the domain makes of it; when it is not, run 'make golden'."""
    assert PAGE.differences() == []


def test_the_page_is_the_table() -> None:
    """Read as a reader reads it, the page says of each permission who has it and what it allows."""
    lines = [line for line in (ROOT / PAGE.path).read_text().splitlines() if line.startswith("|")]
    head, _rule, *body = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    roles = {**SYSTEM_ROLES, "API key": KEY_SCOPES}

    assert [name.strip("`") for name in head[2:]] == list(roles)
    assert [row[0] for row in body] == [f"`{permission}`" for permission in Permission]
    for row, permission in zip(body, Permission, strict=True):
        assert row[1].endswith(".")
        assert [mark == "yes" for mark in row[2:]] == [permission in allowed for allowed in roles.values()]


def test_a_stale_or_missing_page_is_noticed(tmp_path: Path) -> None:
    """The check shows what differs, and all of it where there is no page; writing makes it right."""
    assert "+# Roles and permissions\n" in PAGE.differences(tmp_path)
    PAGE.write(tmp_path)
    assert PAGE.differences(tmp_path) == []
    page = tmp_path / PAGE.path
    page.write_text(page.read_text().replace("| yes | yes |", "| yes | no |", 1))
    assert [line[0] for line in PAGE.differences(tmp_path)[2:] if "`items:enqueue`" in line] == ["-", "+"]
