"""Schemathesis against the stage, as one of those who ask: every check, every phase."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.fuzz.stage import Asker, Stage

ROOT: Final = Path(__file__).resolve().parents[2]
DOCUMENT: Final = ROOT / "docs" / "reference" / "openapi.json"
PHASES: Final = ("examples", "coverage", "fuzzing", "stateful")

# What a JSON Schema cannot say is refused with 400 or 413, too, and what was changed meanwhile with 412.
_REFUSED: Final = ("400", "401", "403", "404", "409", "412", "413", "422")
_EXPECTED: Final = {
    "negative_data_rejection": [*_REFUSED, "405", "415", "429", "431", "5xx"],
    "positive_data_acceptance": ["2xx", *_REFUSED, "429", "5xx"],
}

# They end what everybody else of the stage asks by, and the rest would be refused.
_ENDING: Final = ("signOut", "deleteOrganization", "deleteOrganizationInOrganization", "leaveOrganization")
# A stream without end is waited for until a time limit, and its events are taken for what the schema says of the whole.
_ENDLESS: Final = ("readEvents", "readEventsInOrganization")


@dataclass(frozen=True)
class Played:
    """How a run ended, how many requests it made, and what it said."""

    code: int
    cases: int
    said: str


async def play(
    stage: Stage,
    asker: Asker,
    directory: Path,
    *,
    seed: int,
    examples: int,
    seconds: int,
    phases: tuple[str, ...] = PHASES,
) -> Played:
    """Ask as `asker`, for at most so many examples an operation and phase, and so many seconds."""
    settings, report = directory / f"{asker.name}.toml", directory / f"{asker.name}.json"
    settings.write_text(_settings(stage, asker))
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(settings), "run", str(DOCUMENT),
        "--url", stage.address, "--include-path-regex", asker.addresses, "--phases", ",".join(phases),
        "--max-examples", str(examples), "--max-time", str(seconds), "--seed", str(seed), "--no-color",
        "--report-json-path", str(report), "--continue-on-failure",
        *(part for name in (*_ENDLESS, *_ENDING) if asker.token for part in ("--exclude-operation-id", name)),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "COLUMNS": "200", "PYTHONPATH": str(ROOT)}, cwd=directory,
    )  # fmt: skip
    said, _ = await process.communicate()
    return Played(process.returncode or 0, _cases(said.decode()), said.decode())


def _settings(stage: Stage, asker: Asker) -> str:
    """Write what Schemathesis is told: who asks, and ids that exist, which it takes most of the time."""
    lines = ['hooks = "tests.fuzz.hooks"', "request-timeout = 60", "[generation]", "allow-x00 = true", "[checks]"]
    lines += [f"{check}.expected-statuses = {json.dumps(statuses)}" for check, statuses in _EXPECTED.items()]
    if asker.token:
        scheme = "apiKey" if asker.name == "key" else "session"
        lines += [f"[auth.openapi.{scheme}]", f"bearer = {json.dumps(asker.token)}"]
    known = stage.known()
    lines += ["[dictionaries]", *(f"{kind} = {{values = {json.dumps(ids)}}}" for kind, ids in known.items())]
    lines += ["[parameters]"]
    lines += [f'"path.{kind}Id" = {{dictionary = "{kind}", probability = 0.8}}' for kind in known]
    return "\n".join(lines) + "\n"


def _cases(said: str) -> int:
    found = re.search(r"([\d,]+) generated", said)
    return int(found[1].replace(",", "")) if found else 0
