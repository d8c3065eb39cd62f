"""A contender: something that is measured. Its turn is one fresh database and every measure it has, once.

Rates are items a second: `bulk` (1,000 a call), `single` (one a transaction over ten connections), `drain` (no-op
items, one worker process). Latencies are milliseconds: `latency_<rate>_<percentile>`.
"""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

Measurements = dict[str, float]
_SECONDS = 900
_STOP_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Load:
    """How much to do: items of the bulk and the drain, and how long a latency or a single run takes."""

    items: int
    single_seconds: float = 3
    latency_seconds: float = 5


@dataclass(frozen=True, slots=True)
class Contender:
    """`measure` is given the URL of the fresh database; `how` says what was run, for the reader of the results."""

    name: str
    how: str
    measure: Callable[[str, Load], Measurements]


class TurnFailedError(Exception):
    """A contender's program failed; the message is its last words."""


def output_of(command: Sequence[str | Path], environment: Mapping[str, str]) -> str:
    """Run a program and return what it printed; raises TurnFailedError."""
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=environment) as process:
        try:
            said, complaints = process.communicate(timeout=_SECONDS)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
            raise TurnFailedError(f"not done after {_SECONDS} s") from None
        except KeyboardInterrupt:
            # It got the Ctrl-C too, and needs a moment to stop the processes it has started.
            process.wait(_STOP_SECONDS)
            raise
    if process.returncode != 0:
        raise TurnFailedError("\n".join((complaints or said).strip().splitlines()[-15:]))
    return said
