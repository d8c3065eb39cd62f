from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from tests.fixtures.doctor import OWNER, do
from tests.fixtures.processes import completed, environment_of
from tests.toolkit.conftest import workshop_url

__all__ = ["workshop_url"]
pytestmark = pytest.mark.usefixtures("workshop_url")


def test_a_healthy_database(fresh_url: str, tmp_path: Path) -> None:
    """A healthy database is told in a line, with exit code 0; --json has every code in one of its three places."""
    environment = environment_of(tmp_path, fresh_url)  # one that others have used may well have dead rows
    done = completed("doctor", environment=environment)
    assert (done.returncode, done.stderr.count("0 error(s), 0 warning(s)")) == (0, 1), done.stdout
    answer = orjson.loads(completed("doctor", "--json", environment=environment).stdout)
    assert answer["severity"] in {"ok", "note"}
    assert answer["notChecked"] == {}
    assert {"fsync-off", "queue-stalled", "row-security-off"} <= set(answer["ok"])


def test_what_is_an_error(fresh_url: str, tmp_path: Path) -> None:
    """An error is said with its code and what to do, and the exit code is 1; a warning alone is not one."""
    environment = environment_of(tmp_path, fresh_url)
    do(fresh_url, "create table diary (id int)", role=OWNER)
    warned = completed("doctor", "--json", environment=environment)
    assert (warned.returncode, orjson.loads(warned.stdout)["severity"]) == (0, "warning")

    do(fresh_url, "create unlogged table notes (id int)", role=OWNER)
    done = completed("doctor", environment=environment)
    assert done.returncode == 1
    first, second = done.stdout.splitlines()[:2]
    assert first == "error The table notes is unlogged. [table-unlogged]"
    assert second.strip() == "alter table notes set logged;"
    assert "1 error(s), 2 warning(s)" in done.stderr
    answer = orjson.loads(completed("doctor", "--json", environment=environment).stdout)
    assert [(finding["code"], finding["severity"], finding["subject"]) for finding in answer["findings"]] == [
        ("table-unlogged", "error", "notes"),
        ("schema-drifted", "warning", "table diary"),
        ("schema-drifted", "warning", "table notes"),
    ]


@pytest.mark.parametrize("as_json", [True, False])
def test_what_was_not_looked_at(empty_url: str, tmp_path: Path, *, as_json: bool) -> None:
    """In a database without our tables the answer says what was not looked at and why."""
    done = completed("doctor", *(["--json"] if as_json else []), environment=environment_of(tmp_path, empty_url))
    assert done.returncode == 1
    reason = orjson.loads(done.stdout)["notChecked"]["queue-stalled"] if as_json else done.stderr
    assert "Fairlead's tables are not in this database" in reason


def test_an_unreachable_database(tmp_path: Path) -> None:
    """Without a database the command fails in a sentence."""
    done = completed("doctor", environment=environment_of(tmp_path, "postgresql://nobody@127.0.0.1:1/none"))
    assert (done.returncode, "cannot be reached" in done.stderr) == (1, True)
    assert "Traceback" not in done.stderr
