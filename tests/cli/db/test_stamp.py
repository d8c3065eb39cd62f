from __future__ import annotations

from collections.abc import Callable

import orjson
import pytest
from tests.cli.conftest import Run
from tests.fixtures.revisions import Shop, do, rows

TABLE = "create table orders (id int)"


@pytest.fixture
def adopting(in_shop: Run, shop: Shop, workshop_url: str) -> Callable[..., tuple[int, str]]:
    """Run a command of the shop, which has two revisions, on a database that nobody migrated; give code and words."""
    shop.revision("one", TABLE)
    shop.revision("two", "alter table orders add column note text")

    def ran(*arguments: str) -> tuple[int, str]:
        done = in_shop("db", *arguments, FAIRLEAD_SHADOW_URL=workshop_url)
        return done.returncode, done.stdout + done.stderr

    return ran


def test_a_database_is_adopted(adopting: Callable[..., tuple[int, str]], empty_url: str) -> None:
    """A database that looks as the revision says is taken to stand there, and goes on from there."""
    do(empty_url, TABLE)
    code, said = adopting("stamp", "head")
    assert code == 4
    assert "column orders.note is part of two and missing in the database" in said
    assert adopting("stamp", "one")[0] == 0
    code, said = adopting("migrate", "--json")
    assert (code, orjson.loads(said.splitlines()[0])) == (0, {"applied": ["two"]})


def test_what_does_not_match_is_forced(adopting: Callable[..., tuple[int, str]], empty_url: str) -> None:
    """With --force the database is said to stand wherever somebody says; a name that is none stays an error."""
    assert adopting("stamp", "two", "--force")[0] == 0
    assert rows(empty_url, "select version_num from shop_migrations") == [("two",)]
    assert adopting("stamp", "base", "--force")[0] == 0
    assert adopting("stamp", "nonsense", "--force")[0] == 1
    assert adopting("stamp", "nonsense")[0] == 1


def test_a_changed_file_is_accepted(adopting: Callable[..., tuple[int, str]], shop: Shop) -> None:
    """The file of an applied revision is noted as it is now, of one that is not applied it is not."""
    adopting("migrate", "--to", "one")
    path = shop.migrations.folder / "versions" / "one.py"
    path.write_text(path.read_text() + "\n# a better word\n")
    assert adopting("migrate")[0] == 1
    assert adopting("stamp", "--accept", "two")[0] == 1
    assert adopting("stamp", "--accept", "one")[0] == 0
    assert adopting("migrate")[0] == 0
