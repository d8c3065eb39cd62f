from __future__ import annotations

from pathlib import Path

import pytest
from tools.errors_page import PAGE

from fairlead.errors import FairleadError, HandlerControl, OperatorError, kinds_below

ROOT = Path(__file__).resolve().parents[2]


KINDS = [kind for kind in kinds_below(FairleadError) if kind is FairleadError or "code" in vars(kind)]


def test_the_page_is_up_to_date() -> None:
    """The page in the checkout is what the errors say of themselves; when it is not, run 'make golden'."""
    assert PAGE.differences() == []


def test_the_page_has_every_code_once() -> None:
    """Every code stands on the page once, and those that a caller can get with their status, in order."""
    lines = [line.strip("| ").split(" | ") for line in (ROOT / PAGE.path).read_text().splitlines() if "| `" in line]
    codes = [cell.strip("`") for cells in lines for cell in cells[:2] if cell.startswith("`")]
    statuses = {cells[1].strip("`"): int(cells[0]) for cells in lines if cells[0].isdecimal()}

    assert sorted(codes) == sorted(kind.code for kind in KINDS)
    assert statuses == {
        kind.code: kind.status for kind in KINDS if not issubclass(kind, (OperatorError, HandlerControl))
    }
    assert list(statuses.values()) == sorted(statuses.values())


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_says_what_to_do(kind: type[FairleadError]) -> None:
    """Each error has a remedy, which is a sentence; no other branch's is taken for its own."""
    assert kind.remedy[0].isupper()
    assert kind.remedy.endswith(".")
    assert (kind.remedy == FairleadError.remedy) == (kind is FairleadError)


def test_a_stale_page_is_noticed(tmp_path: Path) -> None:
    """The check shows what differs; writing makes it right."""
    assert "+# Errors\n" in PAGE.differences(tmp_path)
    PAGE.write(tmp_path)
    assert PAGE.differences(tmp_path) == []
