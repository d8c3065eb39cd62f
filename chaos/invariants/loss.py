"""I1: what was acknowledged is there, and ends once. I2: what is there was asked for, once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from chaos.history import FINISHED, History, Row
from chaos.verdict import Violation


def no_loss(history: History) -> Iterator[Violation]:
    """Every acknowledged enqueue is an item that has ended, exactly one; an accepted completion stays one."""
    rows = {row.id: row for row in history.rows}
    removed = history.asked("delete")
    for event in history.of("enqueue", "ok"):
        for item_id in event.data["ids"]:
            if item_id not in rows and item_id not in removed:
                yield Violation("I1", f"item {item_id} was acknowledged and is gone")
    for item_id, count in Counter(row.id for row in history.rows).items():
        if count > 1:
            yield Violation("I1", f"item {item_id} is there {count} times")
    if history.expected.drained:
        yield from (
            Violation("I1", f"item {row.id} is still {row.status}, claims {row.claims}, attempts {row.attempts}")
            for row in history.rows
            if row.status not in FINISHED
        )
    yield from _completions_stay(history, rows)


def _completions_stay(history: History, rows: dict[str, Row]) -> Iterator[Violation]:
    again = history.asked("retry") | history.asked("delete")
    for event in history.of("complete", "ok"):
        item_id, lease = event.lease
        row = rows.get(item_id)
        if item_id not in again and row is not None and (row.status, row.claims) != ("completed", lease):
            yield Violation(
                "I1", f"the completion of {item_id} under lease {lease} was accepted; it is {row.status}, {row.claims}"
            )


def no_ghosts(history: History) -> Iterator[Violation]:
    """Every item is one that somebody asked for in that organization, and was not told that nothing had changed."""
    asked: dict[str, str] = {}
    for event in history.of("enqueue", "invoke"):
        asked.update(dict.fromkeys(event.data["tokens"], event.data["organization_id"]))
    refused = {token for event in history.of("enqueue", "fail") for token in event.data["tokens"]}
    tokens = Counter(row.token for row in history.rows)
    for row in history.rows:
        if row.token is None or row.token not in asked:
            yield Violation("I2", f"nobody asked for item {row.id} (token {row.token})")
        elif asked[row.token] != row.organization_id:
            yield Violation("I2", f"item {row.id} was asked for in another organization")
        elif row.token in refused:
            yield Violation("I2", f"item {row.id} is there although its enqueue was refused")
        elif tokens[row.token] > 1:
            yield Violation("I2", f"token {row.token} became {tokens[row.token]} items")
