from __future__ import annotations

import re
from collections import Counter

from tests.architecture.source_tree import insist

from fairlead import errors
from fairlead.errors import FairleadError, kinds_below

TREE = list(kinds_below(FairleadError))
CONCRETE = [cls for cls in TREE if "code" in vars(cls)]


def test_every_concrete_error_has_a_code_of_its_own() -> None:
    """A program can tell errors apart by their code: each kind that is raised has one and no two share it."""
    insist(
        [cls.__name__ for cls in TREE if not cls.__subclasses__() and "code" not in vars(cls)],
        "Give these errors a `code` of their own.",
    )
    counts = Counter(cls.code for cls in CONCRETE)
    insist(
        [f"{cls.__name__} {cls.code}" for cls in CONCRETE if counts[cls.code] > 1],
        "Two errors share a code; give each its own.",
    )
    insist(
        [cls.code for cls in CONCRETE if not re.fullmatch(r"[A-Z]+(_[A-Z]+)*", cls.code)],
        "Write codes in capitals with underscores.",
    )


def test_every_error_says_what_happened() -> None:
    """The first line of an error's docstring is its default message, a whole sentence."""
    insist(
        [
            cls.__name__
            for cls in TREE
            if not re.fullmatch(r"[A-Z].*[.]", (vars(cls).get("__doc__") or "").strip().partition("\n")[0])
        ],
        "Give these errors a docstring whose first line is a sentence for people.",
    )


def test_the_drawing_shows_every_error() -> None:
    """The tree on top of `errors` shows every class in its place, with its status and code."""
    drawn = {
        name: (int(status) if status else None, code or None)
        for name, status, code in re.findall(
            r"^[│├└─ ]*?([A-Z][A-Za-z]+)\b(?: +(\d{3}) ([A-Z_]+))?", errors.__doc__ or "", re.MULTILINE
        )
        if name in {cls.__name__ for cls in TREE}
    }
    true = {cls.__name__: (cls.status, cls.code) if cls in CONCRETE else (None, None) for cls in TREE}
    true["FairleadError"] = (None, None)
    assert drawn == true, "Draw the tree in errors/__init__.py again."
