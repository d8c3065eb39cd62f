from __future__ import annotations

import re
import signal
import socket
from pathlib import Path

import httpx
import orjson
import psycopg
import pytest
from tests.fixtures.processes import ROOT, Process, Processes, completed, environment_of, processes
from tests.fixtures.waiting import until

__all__ = ["processes"]

pytestmark = pytest.mark.anyio
SHOP = ROOT / "examples" / "shop"


def _logins(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "select count(*) from pg_roles where rolname like 'fairlead_studio_' || "
            "(select oid from pg_database where datname = current_database()) || '_%'"
        ).fetchone()
        return int(row[0]) if row else 0


async def _address(process: Process) -> str:
    await process.until_said("Ctrl-C ends it.", seconds=60)
    found = re.search(r"http://127\.0\.0\.1:\d+/open\?token=\S+", process.said())
    assert found
    return found[0]


async def test_it_opens_and_ends(processes: Processes, database_url: str) -> None:
    """It says where it is opened, on loopback only; one signal ends it with 0, and its login is gone."""
    process = processes.start("db", "studio", "--no-open", "--port", "0", url=database_url)
    address = await _address(process)
    async with httpx.AsyncClient(follow_redirects=True) as client:
        assert "Opening studio" in (await client.get(address)).text
    assert _logins(database_url) == 1
    process.send(signal.SIGINT)
    assert await process.ended() == 0
    assert _logins(database_url) == 0
    assert "token" not in process.said().partition("Ctrl-C")[2]


async def test_what_programs_read(processes: Processes, database_url: str) -> None:
    """With --json it prints one object with the address and opens nothing."""
    process = processes.start("db", "studio", "--json", "--write", "--port", "0", url=database_url)

    async def answered() -> bool:
        return bool(process.output.read_bytes().strip()) or not process.is_running

    await until(answered, what=f"it answers; it says {process.said()}", seconds=60)
    told = orjson.loads(process.output.read_bytes())
    assert (told["target"], told["write"]) == ("fairlead", True)
    assert told["address"].startswith("http://127.0.0.1:")


def test_a_port_in_use(database_url: str, tmp_path: Path) -> None:
    """A port that something else listens on is an error that names it and what to do."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = completed(
            "db", "studio", "--no-open", "--port", port, environment=environment_of(tmp_path, database_url)
        )
    assert done.returncode == 1
    assert f"127.0.0.1:{port}" in done.stderr
    assert "--port" in done.stderr
    assert _logins(database_url) == 0


def test_what_it_needs(database_url: str, empty_url: str, tmp_path: Path) -> None:
    """No database, no schema, no such tenant: each is a sentence and exit code 1, never a traceback."""
    for url, options, sentence in (
        ("postgresql://nobody@127.0.0.1:1/none", [], "cannot be reached"),
        (empty_url, [], "run 'fairlead db migrate'"),
        (database_url, ["--tenant", "nobody"], "no organization with the slug 'nobody'"),
    ):
        done = completed(
            "db", "studio", "--no-open", "--port", "0", *options, environment=environment_of(tmp_path, url)
        )
        assert done.returncode == 1, done.stderr
        assert sentence in done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("url", ["nonsense", "mysql://127.0.0.1/shop"])
def test_what_is_no_address(tmp_path: Path, url: str) -> None:
    """What is no URL of PostgreSQL is said to be none, as JSON where that was asked for; nothing is opened."""
    done = completed("db", "studio", "--json", environment=environment_of(tmp_path, url), directory=SHOP)
    assert (done.returncode, done.stdout) == (2, "")
    assert orjson.loads(done.stderr)["code"] == "SETTINGS_INVALID"
