from __future__ import annotations

import ast

from tests.architecture.source_tree import insist, layers, public_functions

EXCEPTIONS = {"run_fenced": "the verbs' shared second half: each verb has kept to its scope before it calls this"}


def test_a_verb_takes_its_session_and_its_scope_first() -> None:
    """Whose items a verb may move is the second thing it is told, and cannot be forgotten."""
    broken = {
        function.name: source.at(function)
        for source in layers("engine")
        for function in public_functions(source)
        if isinstance(function, ast.AsyncFunctionDef)
        and [argument.arg.lstrip("_") for argument in function.args.args[:2]] != ["session", "scope"]
    }
    insist(
        [f"{place} {name}" for name, place in broken.items() if name not in EXCEPTIONS],
        "Start the parameters of these functions with `session, scope`.",
    )
    insist(EXCEPTIONS.keys() - broken.keys(), "These exceptions are not needed any more; take them out.")
