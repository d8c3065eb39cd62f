from __future__ import annotations

import ast

from tests.architecture.source_tree import Source, insist, suite

WAITING = "tests/fixtures/waiting.py"
TAKES_TIME = {
    "tests/journeys/handlers.py": "an application's handlers, which take time as real ones do",
    "tests/worker/test_heartbeat.py": "its handlers outlive their leases, which is what it tests",
}


def test_no_test_sleeps() -> None:
    """A test waits for a condition with a deadline, in one shared function; a sleep is too long or too short."""
    found = [(source.path, place) for source in suite() for place in _sleeps(source)]
    assert WAITING in {path for path, _ in found}, "tests/fixtures/waiting.py does not pause any more: mend this test"
    insist(
        [place for path, place in found if path != WAITING and path not in TAKES_TIME],
        "Wait for what you are waiting for: `until` or `until_in_thread` of tests/fixtures/waiting.py; "
        "to let other tasks have a turn, anyio.lowlevel.checkpoint().",
    )


def _sleeps(source: Source) -> list[str]:
    return [
        source.at(node)
        for node in ast.walk(source.tree)
        if (isinstance(node, ast.Attribute) and node.attr == "sleep")
        or (isinstance(node, ast.ImportFrom) and any(alias.name == "sleep" for alias in node.names))
    ]
