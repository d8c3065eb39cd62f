"""squawk, the linter of SQL for PostgreSQL, as a program that is given text and answers with what it found."""

from __future__ import annotations

import json
import shutil
import subprocess
import sysconfig
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from fairlead.errors import LinterMissing, OperatorError

PROGRAM: Final = "squawk"
# A build may take hours, so a run sets no limit to statements, and says while one lasts which it is. Since a run goes
# on where it was broken off, no statement need be one that may be sent twice: IF NOT EXISTS would even take an index
# that was not built to its end for a good one.
LEFT_OUT: Final = ("require-statement-timeout", "prefer-robust-stmts")


@dataclass(frozen=True, slots=True)
class Remark:
    """What squawk says of a line, the first being 0."""

    line: int
    rule: str
    sentence: str
    remedy: str


def squawk(sql: str, *, pg_version: str, ignored: Iterable[str] = ()) -> list[Remark]:
    """Return what squawk finds in a script; raises OperatorError when it is not installed or does not understand us."""
    options = [f"--exclude={rule}" for rule in (*LEFT_OUT, *ignored)]
    command = [_program(), "--reporter=json", f"--pg-version={pg_version}", "--stdin-filepath=revision.sql", *options]
    done = subprocess.run(command, input=sql, capture_output=True, text=True, check=False)
    try:
        found: list[dict[str, Any]] = json.loads(done.stdout or "[]")
    except ValueError:
        found = []
    if done.returncode and not found:
        raise OperatorError(f"squawk failed: {(done.stderr or done.stdout).strip()}")
    return [Remark(one["line"], one["rule_name"], one["message"], one.get("help") or "") for one in found]


def _program() -> str:
    found = shutil.which(PROGRAM, path=sysconfig.get_path("scripts")) or shutil.which(PROGRAM)
    if found is None:
        raise LinterMissing
    return found
