"""Outside: what surrounds statements that are handed out to be run in a transaction that is not ours.

They are run in order, on one connection, inside one transaction of the caller's, by a login that is a member of the
application's role. The caller's role, organization and search path are noted first and come back as they were: names
mean our tables in between, whatever the caller's own are called. Where every statement is a transaction of its own
(autocommit) nothing that belongs together would be kept together, so that is refused before anything is done.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

from fairlead.db.statement import Statement
from fairlead.db.tenancy import TenantScope

Given: TypeAlias = Mapping[str, Any] | None
HandedOut: TypeAlias = tuple[bytes, Given]

REMEMBER: Final = Statement("""
select set_config('fairlead.caller_role', current_setting('role'), true),
    set_config('fairlead.caller_organization', coalesce(current_setting('fairlead.organization_id', true), ''), true),
    set_config('fairlead.caller_search_path', current_setting('search_path'), true)
""")

# What was noted is gone with its transaction. 25P01 is PostgreSQL's own state for this.
REFUSE_AUTOCOMMIT: Final = Statement("""
do $$ begin
    if coalesce(current_setting('fairlead.caller_role', true), '') = '' then
        raise exception 'Run these statements in one transaction; this connection commits after each.'
            using errcode = '25P01';
    end if;
end $$
""")

ENTER: Final = Statement("""
select set_config('search_path', 'public, pg_temp', true),
    set_config('fairlead.organization_id', :organization_id, true), set_config('role', 'fairlead_app', true)
""")

LEAVE: Final = Statement("""
select set_config('role', current_setting('fairlead.caller_role'), true),
    set_config('fairlead.organization_id', current_setting('fairlead.caller_organization'), true),
    set_config('search_path', current_setting('fairlead.caller_search_path'), true)
""")


def handed_out(scope: TenantScope, statements: Sequence[tuple[Statement, Given]]) -> list[HandedOut]:
    """Return `statements` with what surrounds them, their parameters named as the driver names them (`%(name)s`)."""
    surrounded = [
        (REMEMBER, None),
        (REFUSE_AUTOCOMMIT, None),
        (ENTER, {"organization_id": scope.organization_id}),
        *statements,
        (LEAVE, None),
    ]
    return [(statement.driver_text, parameters) for statement, parameters in surrounded]
