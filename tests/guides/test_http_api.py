from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import anyio.to_thread
import pytest
from tests.fixtures.processes import Processes, processes
from tools.guide import blocks

from fairlead.api.openapi import document

__all__ = ["processes"]
PAGE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "http-api.md"

_ASKED = re.compile(r"\.(GET|POST)\(\"([^\"]+)\"")
pytestmark = pytest.mark.anyio


async def test_every_block_runs_as_it_stands(processes: Processes, fresh_url: str, tmp_path: Path) -> None:
    """The guide is one program for a shell: against a server that was just started each command does what it says."""
    bash = shutil.which("bash")
    assert bash
    server = processes.start("dev", "--port", "0", url=fresh_url)
    await server.until_said("/docs", seconds=60)
    address = re.findall(r"http://[\d.:]+", server.said() + server.output.read_text())[0]
    program = "\n".join(["set -euo pipefail", *(block.code for block in blocks(PAGE, wanted="bash"))])

    def followed() -> subprocess.CompletedProcess[str]:
        environment = {"FAIRLEAD": address, "PATH": "/usr/bin:/bin:/usr/local/bin"}
        return subprocess.run(
            [bash, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )

    ran = await anyio.to_thread.run_sync(followed)

    assert ran.returncode == 0, f"{ran.stdout}\n{ran.stderr}\n{server.said()}"
    assert ran.stdout.splitlines()[-1] == "1"
    assert "Ada Lovelace" in ran.stdout


def test_the_client_asks_for_operations_that_there_are() -> None:
    """The program in TypeScript goes from a sign-up to a completed item by operations that are in the document."""
    asked = [match for block in blocks(PAGE, wanted="typescript") for match in _ASKED.findall(block.code)]

    assert all(method.lower() in document()["paths"].get(path, {}) for method, path in asked)
    way = [path.rpartition("/")[2] for _, path in asked]
    assert way[:5] == ["sign-up", "verify", "sign-in", "me", "api-keys"]
    assert way[5:] == ["items", "claim", "renew", "complete", "{itemId}", "complete"]
