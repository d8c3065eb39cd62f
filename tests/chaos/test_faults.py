from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from chaos.catalogue import FAULTS, Fault
from chaos.run import try_fault
from chaos.server import ChaosServer, running_server

pytestmark = pytest.mark.anyio

_SECONDS, _SEED = 2.0, 4
_QUICK = [fault for fault in FAULTS if fault.quick]


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Give a directory with a short path, because a socket's has to be; the server's account may pass it."""
    path = Path(tempfile.mkdtemp(prefix="fl-"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[ChaosServer]:
    """Run a server that nobody else uses."""
    with running_server(folder / "server") as running:
        yield running


@pytest.mark.parametrize("fault", _QUICK, ids=lambda fault: fault.code)
async def test_every_promise_is_kept_while_things_break(server: ChaosServer, folder: Path, fault: Fault) -> None:
    """For a moment of each quick fault, with real workers on a real server, the checker finds nothing."""
    directory = folder / fault.code
    directory.mkdir()
    verdict = await try_fault(server, fault, directory=directory, seed=_SEED, seconds=_SECONDS)
    assert verdict.held, "\n".join([verdict.line(), *(violation.sentence for violation in verdict.violations)])
    assert verdict.items > 0
