from __future__ import annotations

from pathlib import Path

import pytest
from tests.fixtures.revisions import Shop, shop
from tests.fixtures.targets import target_of

from fairlead.errors import MigrationFailed, MigrationsInvalid, OperatorError
from fairlead.toolkit import squawk
from fairlead.toolkit.lint import Finding, lint
from fairlead.toolkit.review import _linted

__all__ = ["shop"]
PATIENT = "set local lock_timeout = '3s'"
INDEX = "create index orders_idx on orders (id)"
RULE = "require-concurrent-index-creation"


def _rules(found: list[Finding]) -> list[tuple[str, str]]:
    return [(finding.revision, finding.rule) for finding in found]


def test_a_finding_says_where_and_what_to_do(shop: Shop) -> None:
    """A finding has the file and the line of the statement, the rule, a sentence, and what to do."""
    shop.revision("one", PATIENT, "select 1", INDEX)
    path = shop.revision("two", "select 1")
    [finding] = lint(target_of(shop), ["one", "two"])
    assert (finding.revision, finding.rule, finding.statement) == ("one", RULE, INDEX)
    line = path.with_name("one.py").read_text().splitlines()[finding.line - 1]
    assert INDEX in line
    assert Path(finding.file).name == "one.py"
    assert "updates are blocked" in finding.sentence
    assert "concurrently" in finding.remedy


def test_the_line_of_a_statement_of_several(shop: Shop) -> None:
    """Of a statement of several lines, also one in a constant or in the `sql` folder, the very line is named."""
    script = shop.migrations.folder / "sql" / "one.up.sql"
    script.parent.mkdir()
    script.write_text(
        "create table a (id bigint);\n\nalter table b\n    add column c bigint,\n    alter d type text;\n"
    )
    shop.revision(
        "one",
        PATIENT,
        "> from pathlib import Path",
        f"> for one in Path({str(script)!r}).read_text().split(';'):\n    op.execute(one.strip())",
    )
    [finding] = lint(target_of(shop), ["one"])
    assert (Path(finding.file).name, finding.line, finding.rule) == ("one.up.sql", 5, "changing-column-type")


def test_what_is_excused(shop: Shop) -> None:
    """A comment before a statement excuses that one, LINT_IGNORE the whole revision, with or without reasons."""
    shop.revision("one", PATIENT, f"-- squawk-ignore {RULE}\n{INDEX}", INDEX.replace("_idx", "_other_idx"))
    for name, known in (("two", f"[{RULE!r}]"), ("three", f"{{{RULE!r}: 'the table is small'}}")):
        path = shop.revision(name, PATIENT, INDEX)
        path.write_text(path.read_text() + f"\n\nLINT_IGNORE = {known}\n")
    assert _rules(lint(target_of(shop), ["one", "two", "three"])) == [("one", RULE)]


def test_transactions_count(shop: Shop) -> None:
    """What must not stand in a transaction is found there, and is fine in an autocommit block."""
    concurrently = "create index concurrently if not exists orders_idx on orders (id)"
    shop.revision("one", PATIENT, concurrently)
    shop.revision("two", PATIENT, f"> outside({concurrently!r})", PATIENT, "alter table orders add column a bigint")
    assert _rules(lint(target_of(shop), ["one", "two"])) == [("one", "ban-concurrent-index-creation-in-transaction")]


def test_rules_depend_on_the_version(shop: Shop) -> None:
    """A newer PostgreSQL may do without a warning what an older one may not."""
    shop.revision("one", PATIENT, "alter table orders add column a bigint not null default 1")
    assert _rules(lint(target_of(shop), ["one"], pg_version="10")) == [("one", "adding-field-with-default")]
    assert lint(target_of(shop), ["one"]) == []


def test_what_cannot_be_linted(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unknown name, SQL that depends on the database, and a missing squawk are errors that say so."""
    shop.revision("one", "> op.get_bind().execute('select 1').scalar()")
    with pytest.raises(MigrationsInvalid, match="nonsense"):
        lint(target_of(shop), ["nonsense"])
    with pytest.raises(MigrationFailed, match="one failed"):
        lint(target_of(shop), ["one"])
    shop.revision("two", INDEX)
    monkeypatch.setattr(squawk, "PROGRAM", "not-to-be-found")
    with pytest.raises(OperatorError, match=r"pip install 'fairlead\[toolkit\]'"):
        lint(target_of(shop), ["two"])
    assert _linted(target_of(shop), "two", "15") is None  # a review goes on without
