from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from chaos.__main__ import main
from tests.architecture.source_tree import ROOT
from tests.fixtures.projects import Project
from tests.fixtures.waiting import until_in_thread


def test_a_fault_that_is_not_known_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever asks for an unknown fault is told the known ones, and nothing is started."""
    with pytest.raises(SystemExit) as caught:
        main(["--only", "F99"])
    assert caught.value.code == 2
    assert "F01, F02" in capsys.readouterr().err


def test_nothing_is_left_behind_by_an_interruption(project: Project) -> None:
    """A run that is interrupted in the middle of a fault ends its workers and its server and removes its data."""
    process = subprocess.Popen(
        [sys.executable, "-m", "chaos", "--only", "F01", "--seconds", "300"],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(project.temporary)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        until_in_thread(lambda: _works(project.temporary), what="a worker works an item", seconds=60)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=60)
    finally:
        process.kill()
    assert (process.returncode, b"Traceback" in said) == (130, False), said.decode()
    assert project.left_behind() == []


def _works(directory: Path) -> bool:
    return any(b'"handle"' in path.read_bytes() for path in directory.glob("chaos-*/F01/events-worker-*.jsonl"))
