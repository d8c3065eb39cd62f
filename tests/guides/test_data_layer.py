from __future__ import annotations

import re
from pathlib import Path

import pytest
from tools.guide import Block, blocks, main, run

PAGE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "data-layer.md"
PATTERNS = (
    "Basic CRUD operations",
    "Create",
    "Read one",
    "Read many with filters",
    "Update",
    "Delete",
    "Soft delete, and restore",
    "Pagination pattern",
    "Joins",
    "Relations",
    "Transaction pattern",
    "Upsert pattern",
    "Migration workflow",
    "Schema index file",
)

pytestmark = pytest.mark.anyio


async def test_every_block_runs_as_it_stands(fresh_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The guide is one program: each block runs after the one before it, and what it asserts holds."""
    monkeypatch.setenv("FAIRLEAD_DATABASE_URL", fresh_url)
    monkeypatch.setenv("FAIRLEAD_SECRET", "a secret for tests, at least this long")
    ran: list[Block] = []
    await run(PAGE, on_block=ran.append)
    assert ran == list(blocks(PAGE))
    assert len(ran) > len(PATTERNS)


def test_every_pattern_has_its_section() -> None:
    """Whoever comes from the page with the patterns finds each of them under its name."""
    headings = re.findall(r"^#+ (.*)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert [pattern for pattern in PATTERNS if pattern not in headings] == []


def test_links_lead_somewhere() -> None:
    """Every link of the guide to a section or a file of the project leads there."""
    text = PAGE.read_text(encoding="utf-8")
    anchors = {
        re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-")
        for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    }
    links = re.findall(r"\]\(([^)]+)\)", text)
    astray = [link for link in links if link.startswith("#") and link[1:] not in anchors]
    astray += [link for link in links if not link.startswith("#") and not (PAGE.parent / link).exists()]
    assert astray == []


def test_a_claim_that_does_not_hold_ends_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page whose assertion fails is reported with its line in the page, and exit code 1; a missing page with 2."""
    monkeypatch.setenv("FAIRLEAD_DATA_DIR", "restored by monkeypatch")
    page = tmp_path / "page.md"
    page.write_text(
        "# One\n\n```python\nvalue = 1\n```\n\n```console\n$ no\n```\n\n```python\nx = 2\nassert value == x\n```\n"
    )
    assert main([str(page)]) == 1
    assert f"{page}:13: AssertionError" in capsys.readouterr().err
    assert main([str(tmp_path / "none.md")]) == 2
