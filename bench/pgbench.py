"""pgbench: a script of the engine's statements, run by one client with nothing of Python in between."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

from bench.contender import TurnFailedError, output_of
from fairlead.db.embedded import binary
from fairlead.schema.row_security import ORGANIZATION_SETTING

_TPS = re.compile(r"^tps = ([0-9.]+)", re.MULTILINE)


def script_rate(
    url: str, script: str, *, role: str | None, organization_id: str, times: int, variables: Mapping[str, str | int]
) -> float:
    """Return how often a second the script ran, prepared; `role` None is the login's own."""
    options = f"-c {ORGANIZATION_SETTING}={organization_id}" + (f" -c role={role}" if role else "")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "script.sql"
        file.write_text(script)
        command: list[str | Path] = [
            binary("pgbench"),
            "--no-vacuum",
            "--protocol=prepared",
            "--client=1",
            f"--transactions={times}",
        ]
        command += [f"--define={name}={value}" for name, value in variables.items()]
        printed = output_of([*command, f"--file={file}", url], {**os.environ, "PGOPTIONS": options})
    found = _TPS.search(printed)
    if found is None:
        raise TurnFailedError(f"pgbench printed no rate: {printed}")
    return float(found[1])
