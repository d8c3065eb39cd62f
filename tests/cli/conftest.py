"""Commands run to their end on the test's database."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import orjson
import pytest
from tests.fixtures.processes import completed, environment_of, processes

__all__ = ["processes"]

Run: TypeAlias = Callable[..., subprocess.CompletedProcess[str]]
Made: TypeAlias = Callable[..., dict[str, Any]]


@pytest.fixture
def run(database_url: str, tmp_path: Path) -> Run:
    """Run `fairlead` with these arguments; keywords are further variables of its environment."""

    def ran(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return completed(*arguments, environment={**environment_of(tmp_path, database_url), **environment})

    return ran


@pytest.fixture
def made(run: Run) -> Made:
    """Run a command that has to succeed; return the one JSON object it prints."""

    def ran(*arguments: str) -> dict[str, Any]:
        done = run(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        (line,) = done.stdout.splitlines()
        answer = orjson.loads(line)
        assert isinstance(answer, dict)
        return answer

    return ran
