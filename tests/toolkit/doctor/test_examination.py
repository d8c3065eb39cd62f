from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import MetaData, text
from tests.fixtures.catalogue import differences, snapshot
from tests.fixtures.databases import as_login, database_of, foreign_url, stranger
from tests.fixtures.doctor import OWNER, do, examined

from fairlead.toolkit.doctor import items, vacuum
from fairlead.toolkit.doctor.examination import all_conditions, examine
from fairlead.toolkit.doctor.finding import CannotLook, Check, Condition, Finding, Severity
from fairlead.toolkit.doctor.installation import targets_beside
from fairlead.toolkit.doctor.patient import Patient, Wiring
from fairlead.toolkit.environment import connected
from fairlead.toolkit.target import Target, own

__all__ = ["foreign_url", "stranger"]

BAD = Condition("bad", Severity.ERROR, "It is bad.", "Mend it.")
GOOD = Condition("good", Severity.NOTE, "It is good.", "Leave it.")
SEEN = Condition("seen", Severity.NOTE, "It is seen.", "Look.")


def test_a_healthy_database(fresh_url: str) -> None:
    """A migrated database on a server as it comes has nothing above a note, and everything was looked at."""
    report = examined(fresh_url)
    assert [finding for finding in report.findings if finding.severity > Severity.NOTE] == []
    assert report.not_checked == {}
    assert {*report.healthy, *(finding.code for finding in report.findings)} == {
        condition.code for condition in all_conditions()
    }


def test_looking_changes_nothing(fresh_url: str) -> None:
    """An examination leaves the schema as it was, and each of its transactions is read-only."""
    before = snapshot(fresh_url)
    examined(fresh_url)
    assert differences(before, snapshot(fresh_url)) == []

    def write(patient: Patient) -> Iterator[Finding]:
        patient.run("create table mine (id int)")
        yield BAD.found("It was made.")

    with connected(fresh_url) as connection:
        report = examine(Patient(connection, Wiring(fresh_url), (own(),)), checks=[Check(write, (BAD,))])
    assert report.not_checked == {"bad": "cannot execute CREATE TABLE in a read-only transaction."}


@pytest.mark.parametrize("broken", [CannotLook("No right to look."), "select * from nowhere", "select pg_sleep('x')"])
def test_a_look_that_cannot_be_taken_hides_no_other(fresh_url: str, broken: CannotLook | str) -> None:
    """What cannot be looked at says why; what comes before and after it is found as ever."""

    def fails(patient: Patient) -> Iterator[Finding]:
        if isinstance(broken, CannotLook):
            raise broken
        yield BAD.found(str(patient.rows(broken)))

    def finds(patient: Patient) -> Iterator[Finding]:
        yield SEEN.found(f"It is {patient.value('select 7')}.")

    checks = [Check(lambda _patient: [], (GOOD,)), Check(fails, (BAD,)), Check(finds, (SEEN,))]
    with connected(fresh_url) as connection:
        report = examine(Patient(connection, Wiring(fresh_url), (own(),)), checks=checks)
    assert list(report.not_checked) == ["bad"]
    assert report.not_checked["bad"].endswith(".")
    assert (report.healthy, [finding.sentence for finding in report.findings]) == (("good",), ["It is 7."])


def test_a_look_that_takes_too_long_is_given_up(fresh_url: str) -> None:
    """A lock that somebody holds does not hold the examination up."""
    with connected(fresh_url) as holder, holder.begin():
        holder.execute(text(f"set local role {OWNER}"))
        holder.execute(text("lock table item_counters"))
        report = examined(fresh_url, items, vacuum)
    assert "counters-wrong" in report.not_checked
    assert "lock timeout" in report.not_checked["counters-wrong"]
    assert {"slots-wrong", "autovacuum-off"} <= set(report.healthy)


def test_a_database_without_our_tables(empty_url: str) -> None:
    """In an empty database what is about our tables says that they are missing, and the rest is looked at."""
    report = examined(empty_url)
    assert {finding.code for finding in report.findings} == {"migrations-pending"}
    assert {"row-security-off", "queue-stalled"} <= report.not_checked.keys()
    assert "fairlead db migrate" in report.not_checked["queue-stalled"]
    assert {"fsync-off", "transaction-old"} <= set(report.healthy)


def test_a_database_of_another_application(empty_url: str, fresh_url: str, tmp_path: Path) -> None:
    """Where only another application is, nobody misses Fairlead; where both are, both are examined."""
    (tmp_path / "versions").mkdir()
    shop = Target("shop", MetaData(), tmp_path, "shop_migrations")
    with connected(empty_url) as connection:
        assert [target.name for target in targets_beside(connection, shop)] == ["shop"]
    with connected(fresh_url) as connection:
        assert [target.name for target in targets_beside(connection, shop)] == ["fairlead", "shop"]
        assert [target.name for target in targets_beside(connection, own())] == ["fairlead"]
    report = examined(empty_url, targets=(shop,))
    assert [finding for finding in report.findings if finding.severity > Severity.NOTE] == []
    assert {"role-missing", "row-security-off", "queue-stalled"} <= report.not_checked.keys()


def test_a_login_without_rights(fresh_url: str, stranger: str) -> None:
    """A login that may read nothing is told so, and still hears of everything that it may look at."""
    do(fresh_url, "create unlogged table notes (id int)", role=OWNER)
    report = examined(as_login(fresh_url, database_of(fresh_url), stranger))
    assert {"login-cannot-set-role", "table-unlogged"} <= {finding.code for finding in report.findings}
    assert "permission denied to set role" in report.not_checked["queue-stalled"]


def test_the_worst_comes_first(fresh_url: str) -> None:
    """Findings are in the order of their severity, and the report says the worst."""
    checks = [Check(lambda _patient: [SEEN.found("Seen."), BAD.found("Bad."), GOOD.found("Good.")], (SEEN, BAD, GOOD))]
    with connected(fresh_url) as connection:
        report = examine(Patient(connection, Wiring(fresh_url), (own(),)), checks=checks)
    assert [finding.code for finding in report.findings] == ["bad", "seen", "good"]
    assert report.worst is Severity.ERROR


def test_every_code_is_stable_and_told_apart() -> None:
    """A code is one of a kind, in small letters and hyphens; what it means and what to do are there."""
    conditions = all_conditions()
    codes = [condition.code for condition in conditions]
    assert len(set(codes)) == len(codes)
    assert [code for code in codes if not re.fullmatch(r"[a-z]+(-[a-z]+)+", code)] == []
    assert [
        condition.code for condition in conditions if not (condition.means.endswith(".") and condition.remedy)
    ] == []


def test_every_code_is_planted_in_a_test() -> None:
    """There is no condition that no test makes the doctor find."""
    said = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    assert [condition.code for condition in all_conditions() if f'"{condition.code}"' not in said] == []
