from __future__ import annotations

import ast
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text as sql_text

from fairlead.db.migrating.wording import QUOTED
from fairlead.toolkit.revision_file import Draft, source
from fairlead.toolkit.rewrite import Rewritten

UP = Rewritten(
    ("CREATE INDEX CONCURRENTLY a_idx ON a (b)", "ALTER TABLE a ADD CONSTRAINT c CHECK (b <> '') NOT VALID"),
    ("ALTER TABLE a ADD COLUMN d TEXT DEFAULT 'it''s'",),
)
DRAFT = Draft("20261125_a", "20261124_b", "Add d to a", ("add column a.d",), UP, Rewritten((), ()))


def _executed(text: str) -> list[str]:
    """What the upgrade of a module sends, in order; the statements of its block are indented."""
    upgrade = next(node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef))
    return [
        str(call.args[0].value)
        for call in ast.walk(upgrade)
        if isinstance(call, ast.Call) and call.args and isinstance(call.args[0], ast.Constant)
    ]


def test_it_is_a_module_that_alembic_runs() -> None:
    """The text is Python, says what it does, which revision it is and after which, and imports Alembic alone."""
    text = source(DRAFT)
    module = ast.parse(text)
    assert text.startswith('"""Add d to a.\n\n- add column a.d\n')
    names = {node.targets[0].id: ast.literal_eval(node.value) for node in module.body if isinstance(node, ast.Assign)}  # type: ignore[attr-defined]
    assert (names["revision"], names["down_revision"]) == ("20261125_a", "20261124_b")
    assert {node.module for node in module.body if isinstance(node, ast.ImportFrom)} == {"__future__", "alembic"}


def test_it_waits_for_locks_as_long_as_that_stops_nobody() -> None:
    """Whatever takes a lock that others wait behind has a short lock_timeout; a build that stops nobody has none."""
    assert sorted(" ".join(sent.split()) for sent in _executed(source(DRAFT))) == sorted(
        [
            "set lock_timeout = '0'",
            "CREATE INDEX CONCURRENTLY a_idx ON a (b)",
            "set lock_timeout = '3s'",
            "ALTER TABLE a ADD CONSTRAINT c CHECK (b <> '') NOT VALID",
            "reset lock_timeout",
            "set local lock_timeout = '3s'",
            "ALTER TABLE a ADD COLUMN d TEXT DEFAULT 'it''s'",
        ]
    )


def test_it_says_what_is_a_leftover_and_what_is_an_index_that_goes() -> None:
    """Only what is dropped to be built at once is said to be left behind, not an index that was of the same name."""
    drop = "drop index concurrently if exists a_idx"
    build = "create index concurrently if not exists a_idx on a (b)"
    up = Rewritten((drop, "drop index concurrently if exists b_idx", drop, build), ())
    said = "# what a build that was broken off left behind\n        op.execute"
    text = source(replace(DRAFT, up=up))
    assert (text.count(said), text.count(drop)) == (1, 2)
    assert text.index(said) > text.index("b_idx")


def test_it_works_as_the_role_that_owns_the_tables() -> None:
    """With an owner both parts work as that role, and each gives it back."""
    text = source(replace(DRAFT, owner="shop_owner"))
    assert text.count('"set role shop_owner"') == 1
    assert text.count('"set local role shop_owner"') == 2  # the downgrade's too
    assert text.count('"reset role"') == 3


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT ':a', 'b'::text, x[1:2], '\\d'",
        'ALTER TABLE "order" ADD COLUMN "group" TEXT',
        'COMMENT ON TABLE a IS \'"""\'',
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$\n    select 1 -- one\n$$",
        "COMMENT ON TABLE a IS '" + "long WHERE ON a (b) " * 10 + "'",
        "COMMENT ON TABLE a IS 'two\n\n  lines,\tone with a tab'",
        'CREATE UNIQUE INDEX "Pet\'s WHERE" ON "say ""hi""" (a) WHERE b = \'x WHERE y\'',
        "DO $fill$\nBEGIN\n    UPDATE a SET b = 'one\n  two' WHERE b IS NULL;\nEND $fill$",
    ],
)
def test_a_statement_is_sent_as_it_was_meant(statement: str) -> None:
    """Whatever is in a statement (quotes, colons, backslashes, lines) reaches the database as it is."""
    sent = str(sql_text(_executed(source(replace(DRAFT, up=Rewritten((), (statement,)))))[-1]))
    assert sent.split() == statement.split()
    quoted = re.compile(QUOTED)
    inside = [part[0] for part in quoted.finditer(statement.replace("$fill$", ""))]
    assert [part[0] for part in quoted.finditer(sent.replace("$fill$", ""))] == inside


def test_it_is_formatted_and_always_the_same(tmp_path: Path) -> None:
    """The same plan is the same text, which a formatter leaves as it is."""
    path = tmp_path / "revision.py"
    path.write_text(source(DRAFT))
    assert source(DRAFT) == path.read_text()
    ruff = [str(Path(sys.executable).with_name("ruff")), "format", "--check", "--line-length", "120", str(path)]
    assert subprocess.run(ruff, check=False, capture_output=True).returncode == 0
