"""Workers to be killed by the hundred: one process imports everything once and forks each of them, in a moment.

`python -m bench.brood CONCURRENCY` forks one for each line it reads and prints its process id. They are what `fairlead
worker` is, and they end with the process that made them.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import bench.handlers
from bench.fleet import environment_of, log_file
from bench.scenario import ScenarioFailedError
from fairlead.cli.app import main


@contextmanager
def brood(url: str, *, concurrency: int) -> Iterator[Callable[[], int]]:
    """Yield a function that starts one more worker and returns its process id."""
    command = [sys.executable, "-m", "bench.brood", str(concurrency)]
    with log_file() as log:
        process = subprocess.Popen(
            command,
            env=environment_of(url),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
        )

    def born() -> int:
        if process.stdin is None or process.stdout is None:
            raise ScenarioFailedError("there is no way to ask for workers")
        process.stdin.write("one\n")
        process.stdin.flush()
        if line := process.stdout.readline():
            return int(line)
        raise ScenarioFailedError("no worker can be started")

    try:
        yield born
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def _serve(concurrency: str) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the killed
    while sys.stdin.readline():
        if process_id := os.fork():
            print(process_id, flush=True)
        else:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.dup2(os.open(os.devnull, os.O_RDWR), 0)
            os.dup2(0, 1)
            sys.argv = ["fairlead", "worker", f"{bench.handlers.__name__}:app", "--concurrency", concurrency]
            main()
            return


if __name__ == "__main__":
    _serve(sys.argv[1])
