"""One fault from beginning to end: set the stage, break something, let everything end, check the history."""

from __future__ import annotations

import time
import traceback
from pathlib import Path

from chaos.catalogue import Fault
from chaos.checker import check
from chaos.history import History, read_history
from chaos.invariants.recovery import first_claims, rescue_delays
from chaos.server import ChaosServer
from chaos.stage import Stage, staged
from chaos.verdict import Tally, Verdict, Violation


async def try_fault(server: ChaosServer, fault: Fault, *, directory: Path, seed: int, seconds: float) -> Verdict:
    """Bring a fault about and return what came of it; whatever goes wrong is a violation."""
    began = time.monotonic()
    try:
        tally, history = await _played(server, fault, directory, seed, seconds)
        violations = [Violation(fault.code, complaint) for complaint in tally.complaints] + check(history)
    except Exception:  # noqa: BLE001 - the other faults are still to be tried
        tally, history = Tally(0, "tries"), History()
        violations = [Violation(fault.code, f"the stage did not come to its end: {traceback.format_exc()}")]
    figures = {**tally.figures, **_recovery(history)}
    whole = Tally(tally.n, tally.unit, figures, tally.complaints)
    return Verdict(fault.code, fault.title, seed, time.monotonic() - began, whole, len(history.rows), violations)


async def _played(
    server: ChaosServer, fault: Fault, directory: Path, seed: int, seconds: float
) -> tuple[Tally, History]:
    async with staged(server, directory, name=fault.code.lower(), seed=seed, seconds=seconds) as stage:
        tally = await _brought_about(fault, stage)
        await stage.finish()
    return tally, read_history(directory)


async def _brought_about(fault: Fault, stage: Stage) -> Tally:
    """Bring it about; when it does not come to its end, the history up to there is checked all the same."""
    try:
        return await fault.bring_about(stage)
    except Exception:  # noqa: BLE001 - see above
        return Tally(1, "tries", {}, [f"the fault did not come to its end: {traceback.format_exc()}"])


def _recovery(history: History) -> dict[str, float | int | str]:
    delays = [delay for _, delay in rescue_delays(history)]
    figures: dict[str, float | int | str] = {}
    if delays:
        figures |= {"rescued": len(delays), "slowest rescue s": round(max(delays), 2)}
    if claims := first_claims(history):
        figures["slowest first claim after an outage s"] = round(max(claims), 2)
    return figures
