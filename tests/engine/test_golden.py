from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

from fairlead.domain.item_status import TRANSITIONS

ROOT = Path(__file__).resolve().parents[2]
GOLDEN: dict[str, Any] = runpy.run_path(str(ROOT / "tools" / "golden_sql.py"))
EXPECTED: dict[Path, str] = GOLDEN["expected_files"]()
PRESENT: dict[Path, str] = GOLDEN["present_files"]()


@pytest.mark.parametrize("path", sorted(EXPECTED.keys() | PRESENT.keys()), ids=str)
def test_the_golden_file_is_what_the_driver_gets(path: Path) -> None:
    """A golden file holds exactly the statements of its module; when it should change, run 'make golden' and review."""
    assert PRESENT.get(path) == EXPECTED.get(path)


def test_every_verb_has_its_golden_file() -> None:
    """Each verb of the engine has a file of its own, so that no statement escapes review."""
    verbs = {transition.verb for transition in TRANSITIONS} | {"advance", "clear", "fold", "promote", "reconcile"}
    assert verbs <= {path.stem for path in EXPECTED if path.parts[1] == "engine"}


def test_a_stale_a_missing_and_a_superfluous_file_are_told_apart(tmp_path: Path) -> None:
    """The check names a file that differs, one that is not there and one that has no statement any more."""
    GOLDEN["write"](tmp_path)
    assert GOLDEN["differences"](tmp_path) == []
    folder = tmp_path / "tests" / "engine" / "sql"
    (folder / "claim.sql").write_text("select 1\n")
    (folder / "renew.sql").unlink()
    (folder / "gone.sql").write_text("select 2\n")

    heads = [line.strip() for line in GOLDEN["differences"](tmp_path) if line.startswith(("---", "+++"))]

    assert heads == [
        "--- tests/engine/sql/claim.sql",
        "+++ tests/engine/sql/claim.sql",
        "--- tests/engine/sql/gone.sql",
        "+++ /dev/null",
        "--- /dev/null",
        "+++ tests/engine/sql/renew.sql",
    ]


def test_writing_removes_what_has_no_statement(tmp_path: Path) -> None:
    """Writing makes the folder exact: a file whose statement is gone goes too."""
    GOLDEN["write"](tmp_path)
    superfluous = tmp_path / "tests" / "engine" / "sql" / "gone.sql"
    superfluous.write_text("select 2\n")
    GOLDEN["write"](tmp_path)
    assert not superfluous.exists()
    assert GOLDEN["present_files"](tmp_path) == EXPECTED
