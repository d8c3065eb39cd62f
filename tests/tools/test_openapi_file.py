from __future__ import annotations

import json
from pathlib import Path

from tools.openapi_file import PAGE

from fairlead.api.openapi import document

ROOT = Path(__file__).resolve().parents[2]


def test_the_file_is_what_is_served() -> None:
    """The document in the checkout is the one that the server answers; when it is not, run 'make golden'."""
    assert json.loads((ROOT / PAGE.path).read_text()) == document()
    assert PAGE.differences() == []


def test_a_change_of_the_api_is_noticed(tmp_path: Path) -> None:
    """An operation that is not in the file any more shows as a difference, in lines that can be reviewed."""
    PAGE.write(tmp_path)
    page = tmp_path / PAGE.path
    page.write_text(page.read_text().replace('"operationId": "claimItems"', '"operationId": "takeItems"'))

    changed = [line for line in PAGE.differences(tmp_path) if line[:2] in {"+ ", "- "}]
    assert [line.strip("+-, \n") for line in changed] == ['"operationId": "takeItems"', '"operationId": "claimItems"']
