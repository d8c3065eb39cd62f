from __future__ import annotations

from tests.architecture.source_tree import insist, layers, public_functions

EXCEPTIONS = {
    "engine/reports.py:run_fenced": "a statement and its parameters stand together, as in Session.run",
    "engine/enqueue.py:parameters": "what ENQUEUE binds, in the order in which the statement names it",
}


def test_what_follows_the_first_two_is_named() -> None:
    """A call says what its values are: after the session and the scope every parameter is given by name."""
    broken = {
        f"{source.path.removeprefix('src/fairlead/')}:{function.name}": source.at(function)
        for source in layers("engine", "queries", "services")
        for function in public_functions(source)
        if len(function.args.posonlyargs) + len(function.args.args) > 2
    }
    insist(
        [f"{place} {name}" for name, place in broken.items() if name not in EXCEPTIONS],
        "Put a `*` after the second parameter of these functions.",
    )
    insist(EXCEPTIONS.keys() - broken.keys(), "These exceptions are not needed any more; take them out.")
