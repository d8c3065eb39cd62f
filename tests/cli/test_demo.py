from __future__ import annotations

import re
import signal
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.cli.conftest import Made, Run
from tests.fixtures.processes import Process, Processes
from tests.fixtures.waiting import until
from tests.fixtures.workers import count_by_status, until_counted

from fairlead.db.session import Database

pytestmark = pytest.mark.anyio

FILES = 20


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A directory with twenty small files, one of them in a folder, and hidden ones."""
    files = tmp_path / "files"
    (files / "folder").mkdir(parents=True)
    (files / ".hidden").mkdir()
    (files / ".hidden" / "no.txt").write_text("no")
    (files / "folder" / "ünïcode name.txt").write_text("one two\nthree\n")
    for number in range(FILES - 1):
        (files / f"{number}.txt").write_text("word\n" * number)
    return files


def _children(process: Process) -> list[int]:
    """Return the processes that a process has started and that still run."""
    text = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    return [int(number) for number in text.split()]


def _running(numbers: list[int]) -> list[int]:
    """Return which of these processes still run."""
    return [number for number in numbers if Path(f"/proc/{number}").exists()]


async def test_the_demos_numbers_add_up(made: Made, directory: Path, database: Database) -> None:
    """Every file is counted once, in its organization and in all; nothing is lost or wrong, and nothing is left."""
    report = made("demo", str(directory))
    organizations: list[dict[str, Any]] = report["organizations"]

    assert (report["enqueued"], report["completed"], report["failed"]) == (FILES, FILES, 0)
    assert (report["lost"], report["wrong"]) == (0, 0)
    assert report["lines"] == sum(range(FILES - 1)) + 2
    assert report["words"] == sum(range(FILES - 1)) + 3
    assert report["retried"] >= 2
    assert report["seconds"] > 0
    assert report["itemsPerSecond"] > 0
    assert len(organizations) == 2
    for name in ("enqueued", "completed", "failed", "retried", "rescued", "lost", "lines", "words"):
        assert report[name] == sum(organization[name] for organization in organizations)
    assert await count_by_status(database) == {}


@pytest.mark.parametrize("what", ["nowhere", "files/0.txt", "empty"])
def test_a_directory_without_files(run: Run, directory: Path, what: str) -> None:
    """A demo without files to work on says so in a sentence; exit 1."""
    (directory.parent / "empty").mkdir()
    done = run("demo", str(directory.parent / what))

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: ")
    assert "directory" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
async def test_interrupting_the_demo(
    database: Database, processes: Processes, directory: Path, number: signal.Signals
) -> None:
    """Interrupted in the middle, the demo stops its workers, removes its organizations, and shows no traceback.

    Also when it was started with SIGINT ignored, as a shell starts a background job.
    """
    for position in range(2000):  # enough to be in the middle for a while
        (directory / f"more-{position}.txt").write_text("word\n")
    process = processes.start("demo", str(directory), url=database.options.url)

    async def begun() -> bool:
        return (await count_by_status(database)).get("completed", 0) > 1

    await until(begun, what="the demo works", seconds=20)
    children = _children(process)
    process.send(number)
    code = await process.ended(seconds=25)

    assert code == 130
    assert "Traceback" not in process.said()
    assert "Interrupted." in process.said()
    assert process.output.read_text() == ""
    assert children
    assert not _running(children)
    assert await count_by_status(database) == {}


def test_the_benchmarks_figures(made: Made) -> None:
    """A small benchmark gives every figure, none of them zero."""
    figures = made("bench", "--items", "1000", "--latency-seconds", "1")

    assert figures["items"] == 1000
    assert len(figures) == 10
    assert all(value > 0 for value in figures.values())
    for rate in ("20", "1000"):
        assert figures[f"latency{rate}PerSecondP50"] <= figures[f"latency{rate}PerSecondP99"]


async def test_stopping_dev(database: Database, processes: Processes) -> None:
    """Ctrl-C ends `dev` in order: exit 0, no traceback, nothing left running; what it made is there the next time."""
    for _ in range(2):
        process = processes.start("dev", "--port", "0", url=database.options.url)
        await process.until_said("Ctrl-C stops everything")
        process.send(signal.SIGINT)

        assert await process.ended() == 0
        assert "Traceback" not in process.said()
        assert "flk_test_" in process.said()


async def test_devs_first_steps_work(database: Database, processes: Processes) -> None:
    """The requests that `dev` shows work: one enqueues an item that its example handler completes, one signs in."""
    process = processes.start("dev", "--port", "0", url=database.options.url)
    await process.until_said("Ctrl-C stops everything")
    shown = process.said()
    (url, door), (header,), (body, credentials) = (
        re.findall(pattern, shown) for pattern in (r"curl (\S+)", r"-H '(Authorization: [^']+)'", r"-d '([^']+)'")
    )
    name, _, value = header.partition(": ")
    async with httpx.AsyncClient() as client:
        answer = await client.post(url, content=body, headers={name: value, "Content-Type": "application/json"})
        entered = await client.post(door, content=credentials, headers={"Content-Type": "application/json"})
        outbox = await client.get(door.replace("/api/auth/sign-in", "/outbox"))
    assert (answer.status_code, entered.status_code) == (201, 200)
    assert outbox.json() == {"data": []}
    await until_counted(database, {"completed": 1})
    process.send(signal.SIGTERM)

    assert await process.ended() == 0
