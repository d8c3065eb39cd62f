from __future__ import annotations

import ast

from tests.architecture.source_tree import calls, insist, product

EXCEPTIONS = {
    "src/fairlead/toolkit/one_transaction.py": "keeps what push did in its one transaction, which is no use case's",
}


def test_only_the_session_commits() -> None:
    """A transaction is committed in one place, so that a half-done use case can never be."""
    places = {
        source.path: source.at(call)
        for source in product()
        for call in calls(source)
        if isinstance(call.func, ast.Attribute) and call.func.attr == "commit"
    }
    assert places.pop("src/fairlead/db/session.py", None), "db/session.py does not commit any more: mend this test"
    insist(
        [place for path, place in places.items() if path not in EXCEPTIONS],
        "Do not commit: leave the block of Database.unit_of_work, opened at the edge, and it commits.",
    )
    insist(EXCEPTIONS.keys() - places.keys(), "These exceptions are not needed any more; take them out.")
