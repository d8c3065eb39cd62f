"""The fleet: real `fairlead worker` processes that can be killed, stopped and continued, and that never outlive us.

Each waits for the end of its standard input, a pipe of ours, and where the system has `setpriv` the kernel kills it
when this process dies, so that even one that was stopped is not left behind.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from chaos.recorder import HISTORY_VARIABLE, Recorder
from chaos.waiting import until

ROOT: Final = Path(__file__).resolve().parents[1]
_SECRET: Final = "a secret for chaos, at least this long"  # noqa: S105 - hashes no key of anybody's
_STOP_SECONDS: Final = 20.0
_START_SECONDS: Final = 60.0


@dataclass(eq=False)
class WorkerProcess:
    """One worker and the file it logs to."""

    popen: subprocess.Popen[bytes]
    log: Path
    paused: bool = False

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self.popen.poll() is None

    @property
    def is_ready(self) -> bool:
        """Whether it has begun to work."""
        return b"worker_started" in self.log.read_bytes()

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, unless it has ended."""
        with suppress(ProcessLookupError):
            self.popen.send_signal(number)


@dataclass
class Fleet:
    """Workers on one database; `environment` is given to each besides what it needs."""

    url: str
    directory: Path
    recorder: Recorder
    environment: Mapping[str, str] = field(default_factory=dict)
    concurrency: int = 10
    workers: list[WorkerProcess] = field(default_factory=list)
    _started: int = 0

    @property
    def running(self) -> list[WorkerProcess]:
        """Those that have not ended and are not stopped."""
        return [worker for worker in self.workers if worker.is_running and not worker.paused]

    @property
    def spare(self) -> list[WorkerProcess]:
        """Those that work, when one of them may be broken and another is left: somebody has to rescue."""
        working = [worker for worker in self.running if worker.is_ready]
        return working if len(working) > 1 else []

    def start(self, count: int = 1) -> list[WorkerProcess]:
        """Start workers and do not wait for them."""
        return [self._start() for _ in range(count)]

    async def ready(self, count: int) -> list[WorkerProcess]:
        """Start workers and wait until each works."""
        started = self.start(count)

        async def all_ready() -> bool:
            return all(worker.is_ready or not worker.is_running for worker in started)

        await until(all_ready, what="the workers have started", seconds=_START_SECONDS)
        return started

    def kill(self, worker: WorkerProcess) -> None:
        """End a worker as the kernel's killer does."""
        self.recorder.record("info", "kill", pid=worker.popen.pid)
        worker.send(signal.SIGKILL)
        worker.popen.wait()
        self._forget(worker)

    def pause(self, worker: WorkerProcess) -> None:
        """Stop a worker in the middle of whatever it does."""
        self.recorder.record("info", "pause", pid=worker.popen.pid)
        worker.send(signal.SIGSTOP)
        worker.paused = True

    def resume(self, worker: WorkerProcess) -> None:
        """Let a stopped worker go on as if nothing had happened."""
        self.recorder.record("info", "resume", pid=worker.popen.pid)
        worker.paused = False
        worker.send(signal.SIGCONT)

    def replace_dead(self) -> int:
        """Start a worker for each that has died by itself; return how many had."""
        dead = [worker for worker in self.workers if not worker.is_running]
        for worker in dead:
            self.recorder.record("info", "death", pid=worker.popen.pid, code=worker.popen.returncode)
            self._forget(worker)
        self.start(len(dead))
        return len(dead)

    async def stop(self) -> None:
        """Drain every worker, and kill those that do not end."""
        for worker in self.workers:
            worker.send(signal.SIGCONT)
            worker.send(signal.SIGTERM)
        with suppress(TimeoutError):
            await until(self._all_ended, what="the workers end", seconds=_STOP_SECONDS)
        self.close()

    def close(self) -> None:
        """Kill what is left."""
        for worker in self.workers:
            worker.send(signal.SIGKILL)
            worker.popen.wait()
            self._close_input(worker)

    def _start(self) -> WorkerProcess:
        self._started += 1
        log = self.directory / f"worker-{self._started}.log"
        with log.open("wb") as file:
            popen = subprocess.Popen(
                [*_dying_with_us(), *self._command()],
                cwd=ROOT,
                env=self._environment(),
                stdin=subprocess.PIPE,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
        worker = WorkerProcess(popen, log)
        self.workers.append(worker)
        return worker

    def _command(self) -> list[str]:
        options = ["--concurrency", str(self.concurrency), "--drain-seconds", "5", "--until-input-ends"]
        return [sys.executable, "-m", "fairlead", "worker", "chaos.handlers:app", *options]

    def _environment(self) -> dict[str, str]:
        own = {name: value for name, value in os.environ.items() if not name.startswith("FAIRLEAD_")}
        given = {"FAIRLEAD_DATABASE_URL": self.url, "FAIRLEAD_SECRET": _SECRET, "FAIRLEAD_LOG_FORMAT": "json"}
        return {**own, **given, HISTORY_VARIABLE: str(self.directory), **self.environment}

    def _forget(self, worker: WorkerProcess) -> None:
        self._close_input(worker)
        self.workers.remove(worker)

    @staticmethod
    def _close_input(worker: WorkerProcess) -> None:
        if worker.popen.stdin is not None:
            worker.popen.stdin.close()

    async def _all_ended(self) -> bool:
        return not any(worker.is_running for worker in self.workers)


def _dying_with_us() -> list[str]:
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL"] if setpriv else []


async def dying(fleet: Fleet, *, until_set: asyncio.Event) -> int:
    """Replace workers that die by themselves until told to stop; return how many did."""
    deaths = 0
    while not until_set.is_set():
        deaths += fleet.replace_dead()
        await asyncio.sleep(0.05)
    return deaths
