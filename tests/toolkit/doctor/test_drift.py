from __future__ import annotations

import pytest
from tests.fixtures.doctor import OWNER, do, examined, only, superuser_of

from fairlead.db import migrate
from fairlead.toolkit.doctor import drift
from fairlead.toolkit.doctor.finding import Severity
from fairlead.toolkit.doctor.patient import Wiring


@pytest.mark.parametrize(
    ("planted", "subject"),
    [
        ("drop policy users_tenant on users", "policy users_tenant on users"),
        ("alter table users alter column name drop not null", "column users.name"),
        ("revoke select on users from fairlead_app", "grant on table users to fairlead_app"),
    ],
)
def test_something_declared_is_missing_or_different(fresh_url: str, planted: str, subject: str) -> None:
    """What the models declare and the database lacks or has otherwise is an error that names it."""
    do(fresh_url, planted, role=OWNER)
    only(examined(fresh_url, drift), "schema-drifted", severity=Severity.ERROR, subject=subject)


def test_something_that_nobody_declared(fresh_url: str) -> None:
    """What somebody added to the database is a warning."""
    do(fresh_url, "create index users_image on users (image)", role=OWNER)
    report = examined(fresh_url, drift)
    only(report, "schema-drifted", severity=Severity.WARNING, subject="index users_image on users")


def test_what_a_server_notes_at_its_columns(fresh_url: str, server_url: str) -> None:
    """What a server puts at each column for itself, as Debian's 15.20 does, is no drift."""
    note = "update pg_attribute set attoptions = '{pg_attver=1}' where attrelid = 'users'::regclass and attnum > 0"
    do(superuser_of(server_url, fresh_url), note)
    assert examined(fresh_url, drift).findings == ()


def test_the_declared_schema(fresh_url: str) -> None:
    """A migrated database has not drifted; one that lacks migrations, or has nothing beside it, is not judged."""
    assert (examined(fresh_url, drift).findings, examined(fresh_url, drift).not_checked) == ((), {})
    assert "FAIRLEAD_SHADOW_URL" in examined(fresh_url, drift, wiring=Wiring(fresh_url)).not_checked["schema-drifted"]
    migrate.downgrade(fresh_url, "20261124_engine")
    assert "not this release's" in examined(fresh_url, drift).not_checked["schema-drifted"]
