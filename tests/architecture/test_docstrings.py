from __future__ import annotations

import ast

from tests.architecture.source_tree import functions, insist, product, suite


def test_every_module_says_what_it_is_for() -> None:
    """Each module of the package starts with its contract."""
    insist(
        [source.path for source in product() if not (ast.get_docstring(source.tree) or "").strip()],
        "Start these modules with a docstring: what the module owns, promises, must not do, what could surprise.",
    )


def test_every_test_says_what_it_proves() -> None:
    """Each test's docstring is the sentence that it proves."""
    insist(
        [
            f"{source.at(function)} {function.name}"
            for source in suite()
            for function in functions(source)
            if function.name.startswith("test_") and not (ast.get_docstring(function) or "").strip()
        ],
        "Give these tests a docstring: the sentence about the product that they prove.",
    )
