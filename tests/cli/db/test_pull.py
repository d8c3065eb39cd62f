from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from tests.fixtures.doctor import do
from tests.fixtures.processes import completed, environment_of

pytestmark = pytest.mark.usefixtures("workshop_url")


def test_to_standard_output(empty_url: str, tmp_path: Path) -> None:
    """The models are written to standard output, and nothing else is."""
    do(empty_url, "create table notes (id int primary key)", "alter table notes enable row level security")
    done = completed("db", "pull", environment=environment_of(tmp_path, empty_url))
    assert done.returncode == 0
    assert "class Notes(Base):" in done.stdout
    assert "'alter table notes enable row level security'" in done.stdout
    compile(done.stdout, "models.py", "exec")


def test_to_a_file_that_is_there(empty_url: str, tmp_path: Path) -> None:
    """A file is written over only when that is said."""
    do(empty_url, "create table notes (id int primary key)")
    environment = environment_of(tmp_path, empty_url)
    path = tmp_path / "models.py"
    path.write_text("mine")
    refused = completed("db", "pull", "--output", str(path), environment=environment)
    assert (refused.returncode, "--force" in refused.stderr, path.read_text()) == (3, True, "mine")
    done = completed("db", "pull", "--output", str(path), "--force", "--json", environment=environment)
    assert orjson.loads(done.stdout) == {"written": str(path), "source": None, "gaps": []}
    assert "class Notes(Base):" in path.read_text()
