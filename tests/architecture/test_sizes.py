from __future__ import annotations

import ast

from tests.architecture.source_tree import Function, functions, insist, product, suite

FILE_LINES, TEST_FILE_LINES, FUNCTION_LINES = 400, 600, 50
MIGRATIONS = "src/fairlead/db/migrations/versions/"  # generated, one statement after the other, as long as the change


def test_no_file_is_too_long() -> None:
    """A file can be read in one sitting."""
    insist(
        [f"{source.path}: {lines} lines" for source in product() if (lines := _lines(source.text)) > FILE_LINES],
        f"Split these files by what they are about; {FILE_LINES} lines are the most, 250 the aim.",
    )


def test_no_test_file_is_too_long() -> None:
    """Tests can be found: one file says one thing about one module."""
    insist(
        [f"{source.path}: {lines} lines" for source in suite() if (lines := _lines(source.text)) > TEST_FILE_LINES],
        f"Split these test files by claim; {TEST_FILE_LINES} lines are the most.",
    )


def test_no_function_is_too_long() -> None:
    """A function fits on a screen, its docstring not counted."""
    insist(
        [
            f"{source.at(function)} {function.name}: {lines} lines"
            for source in product()
            if not str(source.path).startswith(MIGRATIONS)
            for function in functions(source)
            if (lines := _body_lines(function)) > FUNCTION_LINES
        ],
        f"Name the steps of these functions and give each its own; {FUNCTION_LINES} lines are the most, 25 the aim.",
    )


def _lines(text: str) -> int:
    return len(text.splitlines())


def _body_lines(function: Function) -> int:
    body = function.body
    if ast.get_docstring(function, clean=False) is not None:
        body = body[1:]
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
