from __future__ import annotations

from pathlib import Path

from tools.doctor_page import PAGE

from fairlead.toolkit.doctor.examination import all_conditions

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_is_up_to_date() -> None:
    """The page in the checkout is what the checks declare; when it is not, run 'make golden'."""
    assert PAGE.differences() == []


def test_the_page_has_every_code() -> None:
    """Read as a reader reads it, the page has each condition with its severity, what it means and what to do."""
    lines = [line for line in (ROOT / PAGE.path).read_text().splitlines() if line.startswith("| `")]
    rows = [[cell.strip() for cell in line.split(" | ")] for line in lines]
    assert [row[0].strip("`| ") for row in rows] == [condition.code for condition in all_conditions()]
    for row, condition in zip(rows, all_conditions(), strict=True):
        assert row[1].split(" or ")[0] == str(condition.severity)
        assert row[2:] == [condition.means, f"{condition.remedy} |"]


def test_a_stale_page_is_noticed(tmp_path: Path) -> None:
    """The check shows what differs; writing makes it right."""
    assert "+# What `fairlead doctor` finds\n" in PAGE.differences(tmp_path)
    PAGE.write(tmp_path)
    assert PAGE.differences(tmp_path) == []
