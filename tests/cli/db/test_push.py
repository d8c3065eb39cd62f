from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import orjson
import pytest
from tests.fixtures.doctor import do
from tests.fixtures.processes import completed, environment_of
from tests.fixtures.pushes import rows

Ran: TypeAlias = Callable[..., subprocess.CompletedProcess[str]]

_PROJECT = """
[project]
name = "notes"
[tool.fairlead.db]
metadata = "notes_schema:metadata"
migrations = "migrations"
"""
_SCHEMA = """
from sqlalchemy import Column, Integer, MetaData, Table, Text
metadata = MetaData()
Table("notes", metadata, Column("id", Integer, primary_key=True), *[{columns}])
"""
_BODY, _TITLE = 'Column("body", Text)', 'Column("title", Text)'


@pytest.fixture
def push(tmp_path: Path, empty_url: str, workshop_url: str) -> Ran:
    """Write the application's models with these columns, and push them with these options."""
    assert workshop_url
    (tmp_path / "migrations" / "versions").mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text(_PROJECT)

    def ran(columns: str, *options: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "notes_schema.py").write_text(_SCHEMA.format(columns=columns))
        return completed("db", "push", *options, environment=environment_of(tmp_path, empty_url), directory=tmp_path)

    return ran


def test_a_database_that_is_not_for_development(push: Ran, empty_url: str) -> None:
    """A database is pushed to when it was marked, once; until then nothing is changed and it is said how."""
    done = push(_BODY)
    assert (done.returncode, "--mark-development" in done.stderr) == (1, True)
    assert rows(empty_url, "select to_regclass('notes')") == [(None,)]
    assert push(_BODY, "--mark-development").returncode == 0
    done = push(f"{_BODY}, {_TITLE}")
    assert done.returncode == 0
    assert done.stdout.strip() == "alter table notes add column title text;"
    assert "fairlead db generate" in done.stderr


def test_explaining(push: Ran, empty_url: str) -> None:
    """--explain shows the plan with what would be lost, and changes nothing."""
    push(_BODY, "--mark-development")
    do(empty_url, "insert into notes (id, body) values (1, 'a')")
    done = push("", "--explain", "--json")
    assert done.returncode == 0
    answer = orjson.loads(done.stdout)
    assert answer["applied"] is False
    assert answer["statements"] == ["alter table notes drop column body"]
    assert [(loss["name"], loss["rows"]) for loss in answer["losses"]] == [("notes.body", 1)]
    assert rows(empty_url, "select body from notes") == [("a",)]


def test_what_would_be_destroyed(push: Ran, empty_url: str) -> None:
    """Without a terminal destroying is refused with exit code 3 and exactly what to pass; with it, it is done."""
    push(_BODY, "--mark-development")
    do(empty_url, "insert into notes (id, body) values (1, 'a')")
    refused = push("")
    assert refused.returncode == 3
    assert "--allow-drop notes.body: The column notes.body goes, with its values in 1 row." in refused.stderr
    assert refused.stdout == ""  # what is not going to happen is not shown as what is
    assert rows(empty_url, "select body from notes") == [("a",)]
    assert push("", "--allow-drop", "notes.body").returncode == 0
    assert orjson.loads(push("", "--json").stdout)["statements"] == []


def test_a_decision_is_needed(push: Ran, empty_url: str) -> None:
    """What may be a rename is asked with exit code 2 and what to pass; so told, the values stay."""
    push(_BODY, "--mark-development")
    do(empty_url, "insert into notes (id, body) values (1, 'a')")
    asked = push(_TITLE, "--json")
    assert asked.returncode == 2
    error = orjson.loads(asked.stderr.splitlines()[-1])
    assert error["details"] == {"notes.body": "--rename notes.body=notes.title or --allow-drop notes.body"}
    assert push(_TITLE, "--rename", "notes.body=notes.title").returncode == 0
    assert rows(empty_url, "select title from notes") == [("a",)]


@pytest.mark.parametrize(("typed", "code"), [("notes.body", 0), ("yes", 3)])
def test_asking_at_a_terminal(push: Ran, empty_url: str, tmp_path: Path, typed: str, code: int) -> None:
    """At a terminal whoever destroys something types its name; anything else is a refusal."""
    push(_BODY, "--mark-development")
    do(empty_url, "insert into notes (id, body) values (1, 'a')")
    (tmp_path / "notes_schema.py").write_text(_SCHEMA.format(columns=""))
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "fairlead", "db", "push"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment_of(tmp_path, empty_url), stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        os.write(ours, f"{typed}\n".encode())
        said = _all_of(ours)
        assert process.wait(timeout=60) == code, said
    assert "Type notes.body to let it be destroyed" in said
    assert rows(empty_url, "select count(*) from pg_attribute where attname = 'body'") == [(int(code != 0),)]


def _all_of(terminal: int) -> str:
    said = b""
    try:
        while piece := os.read(terminal, 65_536):
            said += piece
    except OSError:  # the other side is closed
        pass
    finally:
        os.close(terminal)
    return said.decode()


def test_from_a_pushed_database_to_a_migration(push: Ran, tmp_path: Path, empty_url: str) -> None:
    """After a push the migration is generated from the models, and stamp lets the pushed database go on with it."""
    push(f"{_BODY}, {_TITLE}", "--mark-development")
    do(empty_url, "insert into notes (id, body) values (1, 'a')")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return completed("db", *arguments, environment=environment_of(tmp_path, empty_url), directory=tmp_path)

    generated = run("generate", "-m", "Notes")
    assert generated.returncode == 0, generated.stderr
    assert run("stamp", "head").returncode == 0
    assert orjson.loads(run("migrate", "--json").stdout)["applied"] == []
    assert push(f"{_BODY}, {_TITLE}").returncode == 0
    assert rows(empty_url, "select body from notes") == [("a",)]
