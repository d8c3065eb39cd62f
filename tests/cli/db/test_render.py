from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from tests.fixtures.revisions import Shop, shop
from typer.testing import CliRunner

from fairlead.cli.app import app

__all__ = ["shop"]


@pytest.fixture
def versions(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of an application with two revisions, in whose directory the command runs."""
    shop.revision("a1", "create table orders (id int)", down=("drop table orders",))
    shop.revision("a2", "alter table orders add note text", down=("alter table orders drop note",))
    monkeypatch.chdir(shop.application())
    return shop.migrations.folder / "versions"


def test_a_revision_that_was_filled_in_by_hand(versions: Path) -> None:
    """After a revision was changed its SQL is written again; another's is not, nor one that has none."""
    done = CliRunner().invoke(app, ["db", "render", "a1", "--json"])
    assert orjson.loads(done.stdout)["written"] == [str(versions / "a1.up.sql"), str(versions / "a1.down.sql")]
    module = versions / "a1.py"
    module.write_text(module.read_text().replace("(id int)", "(id bigint)"))
    done = CliRunner().invoke(app, ["db", "render"])
    assert (done.exit_code, "Wrote migrations/versions/a1.up.sql" in done.output) == (0, True)
    assert "create table orders (id bigint);" in (versions / "a1.up.sql").read_text()
    assert sorted(path.name for path in versions.glob("*.sql")) == ["a1.down.sql", "a1.up.sql"]
    assert "is what it sends" in CliRunner().invoke(app, ["db", "render"]).output


def test_a_revision_that_is_none(versions: Path) -> None:
    """A name that no revision has is an error that says so."""
    done = CliRunner().invoke(app, ["db", "render", "nobody"])
    assert (done.exit_code, list(versions.glob("*.sql"))) == (1, [])
