"""The peers' own environments below .cache/bench: they are no dependencies of Fairlead.

Made when they are missing or what they are made from has changed: by uv from bench/requirements.txt, and by npm from
bench/peers/node/package-lock.json.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.server import CACHE

NODE_PROGRAMS = Path("bench/peers/node")
_STAMP = ".installed"
_VENV = CACHE / "venv"
_REQUIREMENTS = Path("bench/requirements.txt")
_UV_OPTIONS = {"UV_PYTHON_DOWNLOADS": "never", "UV_LINK_MODE": "copy"}
_NODE = CACHE / "node"
_PACKAGES = (NODE_PROGRAMS / "package.json", NODE_PROGRAMS / "package-lock.json")
_LEAST_NODE = 20


class NoEnvironmentError(Exception):
    """An environment of the peers cannot be made; the message says why."""


def peers_python() -> Path:
    """Return the Python that has the peers; raises NoEnvironmentError."""
    python = _VENV / "bin" / "python"
    wanted = _digest([_REQUIREMENTS])
    if not _is_made(_VENV, wanted):
        uv = shutil.which("uv") or shutil.which("uv", path=".tools/bin")
        if uv is None:
            raise NoEnvironmentError("there is no uv on PATH or in .tools/bin ('make setup' puts it there)")
        _run(uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(_VENV))
        _run(uv, "pip", "install", "--quiet", "--python", str(python), "--requirement", str(_REQUIREMENTS))
        (_VENV / _STAMP).write_text(wanted)
    return python


def peers_node() -> tuple[Path, Path]:
    """Return the program node and the folder of the peers' packages; raises NoEnvironmentError."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise NoEnvironmentError("there is no node or no npm on PATH")
    version = _run(node, "--version").strip()
    major = re.match(r"v(\d+)\.", version)
    if major is None or int(major[1]) < _LEAST_NODE:
        raise NoEnvironmentError(f"node is {version}, and has to be {_LEAST_NODE} or newer")
    wanted = _digest(_PACKAGES)
    if not _is_made(_NODE, wanted):
        _NODE.mkdir(parents=True, exist_ok=True)
        for file in _PACKAGES:
            shutil.copy(file, _NODE)
        _run(npm, "ci", "--prefix", str(_NODE), "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
        (_NODE / _STAMP).write_text(wanted)
    return Path(node), _NODE.absolute() / "node_modules"


def _digest(files: Sequence[Path]) -> str:
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def _is_made(folder: Path, wanted: str) -> bool:
    stamp = folder / _STAMP
    return stamp.exists() and stamp.read_text() == wanted


def _run(*command: str) -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True, env={**os.environ, **_UV_OPTIONS})
    if done.returncode != 0:
        raise NoEnvironmentError((done.stderr or done.stdout).strip())
    return done.stdout
