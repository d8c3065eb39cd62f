"""The OpenAPI document as a file, so that a change of the API is a diff that somebody reviews.

python -m tools.openapi_file             write docs/reference/openapi.json
python -m tools.openapi_file --check     change nothing; print a diff and exit 1 when it is out of date
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Final

from fairlead.api.openapi import document
from tools.generated_page import GeneratedPage


def expected_file() -> str:
    """Return the document as it should be, a line a value."""
    return json.dumps(document(), ensure_ascii=False, indent=1) + "\n"


PAGE: Final = GeneratedPage(Path("docs", "reference", "openapi.json"), expected_file, "tools.openapi_file")

if __name__ == "__main__":
    sys.exit(PAGE.main())
