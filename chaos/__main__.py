"""`python -m chaos`: bring every fault about, one after the other, and print a line for each.

Exits with 1 when any promise was broken or a fault was not tried. The seed that is printed repeats the dice, not the
machine's timing.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from chaos.catalogue import FAULTS, Fault
from chaos.fleet import ROOT
from chaos.run import try_fault
from chaos.server import running_server
from chaos.verdict import Verdict
from fairlead.observability import log


def main(arguments: Sequence[str] | None = None) -> int:
    """Try the faults asked for; the exit code says whether every promise was kept."""
    asked = _parser().parse_args(arguments)
    log.configure(level="error")
    # Either way nothing is left behind; as SIGINT it cancels what runs, in place of being raised in the midst of it.
    signal.signal(signal.SIGTERM, lambda _number, _frame: signal.raise_signal(signal.SIGINT))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    seed = asked.seed if asked.seed is not None else secrets.randbelow(1_000_000)
    try:
        with _directory(keep=asked.keep) as directory:
            verdicts, settings = _tried(asked, directory, seed)
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 130
    if asked.json:
        faults = [verdict.as_json() for verdict in verdicts]
        print(json.dumps({"seed": seed, "commit": _commit(), "settings": settings, "faults": faults}, indent=2))
    return 0 if verdicts and all(verdict.held for verdict in verdicts) else 1


def _tried(asked: argparse.Namespace, directory: Path, seed: int) -> tuple[list[Verdict], dict[str, str]]:
    """Try the faults one after the other on one server; return the verdicts, and what the server is set to."""
    verdicts = []
    out = sys.stderr if asked.json else sys.stdout
    with running_server(directory / "server") as server:
        for fault in asked.only or [fault for fault in FAULTS if fault.quick or not asked.quick]:
            own = directory / fault.code
            own.mkdir()
            seconds = asked.seconds or (_QUICK_SECONDS if asked.quick else fault.seconds)
            verdict = asyncio.run(try_fault(server, fault, directory=own, seed=seed, seconds=seconds))
            verdicts.append(verdict)
            print(verdict.line(), file=out, flush=True)
            for violation in verdict.violations:
                print(f"     {violation.invariant}: {violation.sentence}", file=out, flush=True)
        return verdicts, server.settings()


def _commit() -> str:
    """Return which commit this is, as far as git knows."""
    git = shutil.which("git")
    if git is None:
        return ""
    done = subprocess.run(
        [git, "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.stdout.strip()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m chaos", description="Break things and check every promise.")
    parser.add_argument("--only", type=_faults, help="comma-separated codes, such as F01,F27")
    parser.add_argument("--seconds", type=float, help="how long each fault lasts; default: its own time")
    parser.add_argument("--seed", type=int, help="for the dice; default: a new one, which is printed")
    parser.add_argument("--quick", action="store_true", help="the quick faults, each for a moment")
    parser.add_argument("--json", action="store_true", help="print JSON on standard output")
    parser.add_argument("--keep", type=Path, help="keep the histories in this directory, which is made")
    return parser


def _faults(text: str) -> list[Fault]:
    known = {fault.code: fault for fault in FAULTS}
    codes = text.upper().split(",")
    if unknown := [code for code in codes if code not in known]:
        raise argparse.ArgumentTypeError(f"does not know {', '.join(unknown)}; it knows {', '.join(known)}")
    return [known[code] for code in codes]


@contextmanager
def _directory(*, keep: Path | None) -> Iterator[Path]:
    """Give a directory with a short path, because a socket's must be; keep the histories where that is asked for."""
    path = Path(tempfile.mkdtemp(prefix="chaos-"))
    path.chmod(0o711)  # the server's account may pass
    try:
        yield path
    finally:
        if keep is not None:
            shutil.copytree(path, keep, ignore=shutil.ignore_patterns("server"))
        shutil.rmtree(path, ignore_errors=True)


_QUICK_SECONDS = 3.0

if __name__ == "__main__":
    sys.exit(main())
