from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import orjson
import pytest
from tests.fixtures.processes import completed, environment_of
from tests.fixtures.shops import ShopCopy, shop

__all__ = ["shop"]

Run: TypeAlias = Callable[..., subprocess.CompletedProcess[str]]
NAME = ("    fullname: Mapped[str]\n", "    name: Mapped[str]\n")


@pytest.fixture
def environment(tmp_path: Path, server_url: str) -> dict[str, str]:
    """A command's environment, on the tests' server."""
    return environment_of(tmp_path, server_url)


@pytest.fixture
def generate(shop: ShopCopy, environment: dict[str, str]) -> Run:
    """Run `fairlead db generate` in the copy of the example."""
    return lambda *arguments: completed(
        "db", "generate", *arguments, environment=environment, directory=shop.directory, seconds=300
    )


def _files(shop: ShopCopy) -> list[str]:
    return sorted(path.name for path in (shop.directory / "migrations" / "versions").glob("2*"))


def test_no_changes_and_an_empty_one(shop: ShopCopy, generate: Run) -> None:
    """Without changes it says so and exits with 0; --custom writes an empty revision all the same."""
    before = _files(shop)
    done = generate("-m", "Nothing")
    assert (done.returncode, "No changes" in done.stderr, _files(shop)) == (0, True, before)
    done = generate("-m", "By hand", "--custom", "--json")
    assert done.returncode == 0, done.stderr
    [made] = orjson.loads(done.stdout)["revisions"]
    assert made["after"] == "20261125_first_tables"
    assert {f"{made['revision']}.py", f"{made['revision']}.up.sql"} <= set(_files(shop))


def test_a_decision_without_a_terminal(shop: ShopCopy, generate: Run) -> None:
    """Without a terminal a rename exits with 2 and says what to pass; passed, --explain shows it and writes nothing."""
    before = _files(shop)
    shop.edit(NAME)
    done = generate("-m", "Rename", "--json")
    assert done.returncode == 2
    answer = "--rename shop.customers.fullname=shop.customers.name"
    assert answer in orjson.loads(done.stderr)["details"]["shop.customers.fullname"]
    done = generate("-m", "Rename", *answer.split(), "--explain")
    assert done.returncode == 0, done.stderr
    assert "alter table shop.customers rename column fullname to name" in done.stdout
    assert _files(shop) == before


def test_a_decision_on_a_terminal(shop: ShopCopy, environment: dict[str, str]) -> None:
    """On a terminal it asks, takes no answer that is none, writes what was answered, and says what the linter asks."""
    shop.edit(NAME)
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "fairlead", "db", "generate", "-m", "Rename"]
    with subprocess.Popen(
        command, cwd=shop.directory, env=environment, stdin=theirs, stdout=subprocess.PIPE, stderr=theirs
    ) as process:
        os.close(theirs)
        assert "it was renamed to shop.customers.name" in _heard(ours, "Which")
        os.write(ours, b"7\n")
        assert "A number from 0 to 1" in _heard(ours, "Which")
        os.write(ours, b"1\n")
        told = _heard(ours, "LINT_IGNORE = {")
        assert "rename column shop.customers.fullname to name" in told
        assert "The linter asks about what may be meant so:" in told
        assert ": renaming-column: " in told
        assert process.wait(timeout=60) == 0
    os.close(ours)


def _heard(terminal: int, word: str, seconds: float = 120) -> str:
    """Return what was written to the terminal up to a word, or all of it when the word does not come."""
    text, end = "", time.monotonic() + seconds
    while word not in text and time.monotonic() < end:
        if select.select([terminal], [], [], 1)[0]:
            text += os.read(terminal, 4096).decode()
    return text
