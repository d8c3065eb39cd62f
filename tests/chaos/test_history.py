from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import orjson
from chaos.history import Expected, merged, read_history, write_expected
from chaos.recorder import Recorder
from tests.chaos.histories import COMPLETED, HELD, change


def test_what_was_recorded_is_read_in_order(tmp_path: Path) -> None:
    """The events of several processes are one history, in the order of the clock that they share."""
    one, other = Recorder(tmp_path, "one"), Recorder(tmp_path, "other")
    one.record("invoke", "enqueue", tokens=["a"])
    other.record("info", "kill", pid=1)
    one.record("ok", "enqueue", tokens=["a"])
    one.close()
    other.close()
    write_expected(tmp_path, Expected(seed=3, drained=False))
    history = read_history(tmp_path)
    assert [(event.process, event.kind, event.verb) for event in history.events] == [
        ("one", "invoke", "enqueue"),
        ("other", "info", "kill"),
        ("one", "ok", "enqueue"),
    ]
    assert history.events[0].data == {"tokens": ["a"]}
    assert history.expected == Expected(seed=3, drained=False)


def test_a_line_that_was_cut_short_is_left_out(tmp_path: Path) -> None:
    """A process that is killed while it writes spoils its last line and nothing else."""
    recorder = Recorder(tmp_path, "killed")
    recorder.record("invoke", "handle", id="a", lease=1)
    recorder.close()
    (path,) = tmp_path.glob("events-*.jsonl")
    path.write_bytes(path.read_bytes() + b'{"t": 12, "proc')
    write_expected(tmp_path, Expected())
    assert [event.verb for event in read_history(tmp_path).events] == ["handle"]


def test_a_move_between_leaves_is_one_change() -> None:
    """An item that is removed from one leaf and made in another by one statement has moved."""
    removed = replace(change(5, 3.0, HELD, None), transaction=9)
    made = replace(change(6, 3.0, None, COMPLETED), transaction=9)
    for halves in ([removed, made], [made, removed]):
        (whole,) = merged(halves)
        assert (whole.before, whole.after, whole.number) == (HELD, COMPLETED, 5)


def test_a_removal_alone_stays_one() -> None:
    """Two transactions' halves do not make a move."""
    removed, made = change(5, 3.0, HELD, None), change(6, 3.0, None, COMPLETED)
    assert merged([removed, made]) == [removed, made]


def test_a_change_is_read_with_its_times(tmp_path: Path) -> None:
    """What the witness wrote down is read by the database's clock, in seconds."""
    row = {
        "id": "a", "organization_id": "o", "queue_id": "q", "status": "processing", "claims": 1, "attempts": 1,
        "max_attempts": 3, "lease_expires_at": "1970-01-01T00:00:30+00:00", "scheduled_for": None,
        "unique_key": None, "unique_while": None, "ordering_key": "k",
    }  # fmt: skip
    line = {"number": 1, "at": "1970-01-01T00:00:10.5+00:00", "transaction": "7", "before": None, "after": row}
    (tmp_path / "changes.jsonl").write_bytes(orjson.dumps(line))
    write_expected(tmp_path, Expected())
    (found,) = read_history(tmp_path).changes
    assert (found.at, found.transaction, found.move) == (10.5, 7, ("", "processing"))
    assert found.after is not None
    assert (found.after.lease_ends, found.after.ordering_key) == (30.0, "k")
