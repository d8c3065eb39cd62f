"""The peers' own environment below .cache/bench: they are no dependencies of Fairlead.

Made by uv from bench/requirements.txt when it is missing or the file has changed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from bench.server import CACHE

_ENVIRONMENT = CACHE / "venv"
_REQUIREMENTS = Path("bench/requirements.txt")
_STAMP = _ENVIRONMENT / ".installed"
_OPTIONS = {"UV_PYTHON_DOWNLOADS": "never", "UV_LINK_MODE": "copy"}


class NoEnvironmentError(Exception):
    """The peers' environment cannot be made; the message says why."""


def peers_python() -> Path:
    """Return the Python that has the peers; raises NoEnvironmentError."""
    python = _ENVIRONMENT / "bin" / "python"
    wanted = hashlib.sha256(_REQUIREMENTS.read_bytes()).hexdigest()
    if not (_STAMP.exists() and _STAMP.read_text() == wanted):
        uv = shutil.which("uv") or shutil.which("uv", path=".tools/bin")
        if uv is None:
            raise NoEnvironmentError("there is no uv on PATH or in .tools/bin ('make setup' puts it there)")
        _run(uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(_ENVIRONMENT))
        _run(uv, "pip", "install", "--quiet", "--python", str(python), "--requirement", str(_REQUIREMENTS))
        _STAMP.write_text(wanted)
    return python


def _run(*command: str) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True, env={**os.environ, **_OPTIONS})
    if done.returncode != 0:
        raise NoEnvironmentError(done.stderr.strip())
