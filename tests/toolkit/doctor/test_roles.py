from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from tests.fixtures.databases import as_login, database_of, made_login
from tests.fixtures.doctor import OWNER, do, examined, only

from fairlead.db.embedded import EmbeddedServer
from fairlead.toolkit.doctor import roles
from fairlead.toolkit.doctor.finding import Severity
from fairlead.toolkit.doctor.installation import ROLES


@contextmanager
def _done(server: EmbeddedServer, statement: str, *, undone_by: str) -> Iterator[None]:
    do(server.superuser_url, statement)
    try:
        yield
    finally:
        do(server.superuser_url, undone_by)


def test_a_role_that_is_not_there(bad_server: EmbeddedServer) -> None:
    """A missing role is an error that names it."""
    rename = "alter role fairlead_app rename to gone; ", "alter role gone rename to fairlead_app"
    with _done(bad_server, rename[0], undone_by=rename[1]):
        report = examined(bad_server.url, roles)
    found = {finding.code: finding.subject for finding in report.findings}
    assert found["role-missing"] == "fairlead_app"


@pytest.mark.parametrize("power", ["bypassrls", "superuser"])
def test_a_role_that_row_security_does_not_bind(bad_server: EmbeddedServer, power: str) -> None:
    """A role of the transactions that bypasses row security is an error, and the remedy takes that away."""
    with _done(
        bad_server, f"alter role fairlead_app {power}", undone_by="alter role fairlead_app nosuperuser nobypassrls"
    ):
        report = examined(bad_server.url, roles)
        finding = only(report, "role-bypasses-row-security", severity=Severity.ERROR, subject="fairlead_app")
        do(bad_server.superuser_url, finding.remedy)
        assert examined(bad_server.url, roles).findings == ()


def test_a_role_that_sees_what_another_sees(bad_server: EmbeddedServer) -> None:
    """The application's role as a member of the fleet's role is an error, and the remedy parts them."""
    undone = "revoke fairlead_system from fairlead_app"
    with _done(bad_server, "grant fairlead_system to fairlead_app", undone_by=undone):
        found = {finding.code: finding for finding in examined(bad_server.url, roles).findings}
        assert found["role-widened"].subject == "fairlead_system"
        do(bad_server.superuser_url, found["role-widened"].remedy)
        assert examined(bad_server.url, roles).findings == ()


def test_a_login_that_row_security_does_not_bind(bad_server: EmbeddedServer) -> None:
    """Working as a superuser is a warning."""
    url = as_superuser(bad_server)
    only(examined(url, roles), "login-bypasses-row-security", severity=Severity.WARNING, subject="postgres")


def test_a_login_that_may_not_take_the_roles(bad_server: EmbeddedServer) -> None:
    """A login without the roles is told which, and what an administrator has to run is enough."""
    with made_login(bad_server.superuser_url, "stranger"):
        url = as_login(as_superuser(bad_server), "fairlead", "stranger")
        report = examined(url, roles)
        assert [finding.code for finding in report.findings] == ["login-cannot-set-role"] * len(ROLES)
        for finding in report.findings:
            do(bad_server.superuser_url, finding.remedy.partition("run: ")[2])
        assert examined(url, roles).findings == ()


@pytest.mark.parametrize("table", ["users", "queue_items_live", "queue_items"])
def test_a_table_without_forced_row_security(fresh_url: str, table: str) -> None:
    """Row security that is not forced is found at a table, a partitioned one and a partition, and can be mended."""
    do(fresh_url, f"alter table {table} no force row level security", role=OWNER)
    finding = only(examined(fresh_url, roles), "row-security-off", severity=Severity.ERROR, subject=table)
    do(fresh_url, finding.remedy, role=OWNER)
    assert examined(fresh_url, roles).findings == ()


def test_a_partition_that_somebody_made(fresh_url: str) -> None:
    """A partition inherits no row security: one that was made by hand without it is found."""
    partition = "create table items_day partition of queue_items for values from ('2020-01-01') to ('2020-01-02')"
    do(fresh_url, partition, role=OWNER)
    only(examined(fresh_url, roles), "row-security-off", severity=Severity.ERROR, subject="items_day")


@pytest.mark.parametrize("role", ["fairlead_app", "public"])
def test_a_policy_that_opens_a_table(fresh_url: str, role: str) -> None:
    """A further policy for the application's role, by its name or for everybody, is an error."""
    do(fresh_url, f"create policy everybody on users to {role} using (true)", role=OWNER)
    report = examined(fresh_url, roles)
    only(report, "policy-unknown", severity=Severity.ERROR, subject="users.everybody")


def test_a_policy_that_only_closes(fresh_url: str) -> None:
    """A restrictive policy takes rows away and is nobody's danger."""
    do(fresh_url, "create policy less on users as restrictive to fairlead_app using (false)", role=OWNER)
    assert examined(fresh_url, roles).findings == ()


@pytest.mark.parametrize("grantee", ["fairlead_app", "public"])
def test_tables_that_are_open_when_they_are_made(fresh_url: str, grantee: str) -> None:
    """Default privileges for the application's role, or for everybody, are a warning; the remedy takes them back."""
    grant = f"alter default privileges in schema public grant select on tables to {grantee}"
    do(fresh_url, grant, role=OWNER)
    finding = only(examined(fresh_url, roles), "default-privileges-open", severity=Severity.WARNING)
    do(fresh_url, finding.remedy, role=OWNER)
    assert examined(fresh_url, roles).findings == ()


def as_superuser(server: EmbeddedServer) -> str:
    """Return the superuser's URL for the database in which the tables are."""
    assert database_of(server.url) == "fairlead"
    return server.superuser_url.replace("/postgres?", "/fairlead?")
