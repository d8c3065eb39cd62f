"""The reference page of every error, written from the tree in `errors`.

python -m tools.errors_page             write docs/reference/errors.md
python -m tools.errors_page --check     change nothing; print a diff and exit 1 when it is out of date
"""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import Final

from fairlead.errors import FairleadError, HandlerControl, OperatorError, kinds_below
from tools.generated_page import GeneratedPage

_HEAD: Final = """\
<!-- Generated from src/fairlead/errors by `make golden`; do not edit. -->

# Errors

Every error has a code that never changes. Over HTTP it comes in one shape, whatever went wrong:

```json
{"error": "A sentence for people.", "code": "VALIDATION_FAILED", "details": {"name": "is required"}, "requestId": "…"}
```

The sentence may say more than the one below, and may change: programs compare the code. `details` has a sentence for
each wrong field, and is empty otherwise. `requestId` is in the logs, too; an error that is not the caller's fault says
nothing else. A 429 or a 503 that will pass by itself has `Retry-After` in seconds.

In Python the same errors are raised, as classes of `fairlead.errors`; on the command line they are printed.

## Over HTTP

| status | code | what it means | what to do |
| --: | --- | --- | --- |
"""
_OURS: Final = """
## On the command line, and in logs

Whoever runs the installation has to act; the message says what on, and how. Over HTTP these are answered as `INTERNAL`.

| code | what it means |
| --- | --- |
"""
_HANDLERS: Final = """
## Raised by handlers

They say what happens to the item, and no caller sees them.

| code | what it means |
| --- | --- |
"""


def expected_page() -> str:
    """Return the page as it should be."""
    every = [kind for kind in kinds_below(FairleadError) if kind is FairleadError or "code" in vars(kind)]
    ours = [kind for kind in every if issubclass(kind, OperatorError)]
    handlers = [kind for kind in every if issubclass(kind, HandlerControl)]
    asked = sorted(set(every) - {*ours, *handlers}, key=lambda kind: (kind.status, every.index(kind)))
    parts = [_HEAD]
    parts += [f"| {kind.status} | `{kind.code}` | {message_of(kind)} | {kind.remedy} |\n" for kind in asked]
    parts += [_OURS, *(_row(kind) for kind in ours)]
    parts += [_HANDLERS, *(_row(kind) for kind in handlers)]
    return "".join(parts)


def message_of(kind: type[FairleadError]) -> str:
    """Return the default message of a kind of error."""
    return inspect.cleandoc(kind.__doc__ or "").partition("\n\n")[0]


def _row(kind: type[FairleadError]) -> str:
    return f"| `{kind.code}` | {message_of(kind)} |\n"


PAGE: Final = GeneratedPage(Path("docs", "reference", "errors.md"), expected_page, "tools.errors_page")

if __name__ == "__main__":
    sys.exit(PAGE.main())
