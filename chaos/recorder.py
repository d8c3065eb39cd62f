"""The recorder: what a process did, as JSON lines in a file of its own, outside the database.

Every line has the monotonic clock of the machine, which all its processes share, and is handed to the kernel before
anything else happens, so that a process killed the moment after has still said it. The forms are Jepsen's: `invoke`
before something is asked for, then `ok` (it happened), `fail` (it did not) or `info` (nobody knows, or it is only a
remark).
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import orjson

Kind: TypeAlias = Literal["invoke", "ok", "fail", "info"]
HISTORY_VARIABLE: Final = "CHAOS_HISTORY"


class Recorder:
    """A file that one process appends to."""

    def __init__(self, directory: Path, process: str) -> None:
        self.process = process
        path = directory / f"events-{process}-{os.getpid()}.jsonl"
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def record(self, kind: Kind, verb: str, **data: Any) -> None:
        """Append one event."""
        line = {"t": time.monotonic_ns(), "process": self.process, "kind": kind, "verb": verb, **data}
        os.write(self._file, orjson.dumps(line) + b"\n")

    def close(self) -> None:
        """Append nothing any more."""
        os.close(self._file)
