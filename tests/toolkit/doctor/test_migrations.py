from __future__ import annotations

from tests.fixtures.doctor import do, examined, only
from tests.fixtures.revisions import Shop, shop
from tests.fixtures.targets import target_of

from fairlead.db import migrate
from fairlead.toolkit.doctor import migrations
from fairlead.toolkit.doctor.finding import Severity
from fairlead.toolkit.target import own

__all__ = ["shop"]


def test_migrations_that_are_not_applied(fresh_url: str) -> None:
    """Migrations that the database lacks are an error that names each, until they are applied."""
    migrate.downgrade(fresh_url, "20261124_engine")
    wanted = migrate.pending(fresh_url)
    report = examined(fresh_url, migrations)
    finding = only(report, "migrations-pending", severity=Severity.ERROR, subject="fairlead")
    assert finding.values == {"revisions": wanted}
    migrate.migrate(fresh_url)
    assert examined(fresh_url, migrations).findings == ()


def test_a_database_without_any(empty_url: str) -> None:
    """In an empty database every migration is pending, and nothing is made by looking."""
    wanted = migrate.pending(empty_url)
    assert only(examined(empty_url, migrations), "migrations-pending", severity=Severity.ERROR).values == {
        "revisions": wanted
    }
    assert migrate.pending(empty_url) == wanted


def test_a_database_of_a_newer_release(fresh_url: str) -> None:
    """A revision that this release has no file for is an error, and nothing is said to be pending."""
    do(fresh_url, "update fairlead_migrations set version_num = '20991231_later'")
    finding = only(examined(fresh_url, migrations), "migrations-unknown", severity=Severity.ERROR)
    assert finding.values == {"revisions": ["20991231_later"]}


def test_beside_another_application(empty_url: str, shop: Shop) -> None:
    """Where an application is examined beside Fairlead the remedy names whose migrations it applies."""
    shop.revision("one", "create table orders (id int)")
    report = examined(empty_url, migrations, targets=(own(), target_of(shop)))
    assert {finding.subject: finding.remedy for finding in report.findings} == {
        "fairlead": "fairlead db migrate --target fairlead",
        "shop": "fairlead db migrate",
    }
