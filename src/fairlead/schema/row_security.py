"""Row-level security as part of a table's declaration.

A table says who may see its rows; from that come ENABLE and FORCE ROW LEVEL SECURITY, the policies and the grants.
A policy compares one column with the transaction's organization and does nothing else: an unset organization means
no rows, and Citus refuses sub-selects. `fairlead_app` works inside one organization; `fairlead_system` is the worker
fleet, maintenance and sign-in; `fairlead_owner` owns the tables, cannot log in, and sees no row. `fairlead_reader` is
who looks and never writes: it may read nothing by itself; a login that is given columns to read (`studio/login.py`)
sees through it the rows of one organization, or of all when none is set.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

OWNER_ROLE = "fairlead_owner"
APP_ROLE = "fairlead_app"
SYSTEM_ROLE = "fairlead_system"
READER_ROLE = "fairlead_reader"
ROLES = (OWNER_ROLE, APP_ROLE, SYSTEM_ROLE, READER_ROLE)

ORGANIZATION_SETTING = "fairlead.organization_id"
_CURRENT = f"nullif(current_setting('{ORGANIZATION_SETTING}', true), '')"
_EVERYTHING = "select, insert, update, delete"


@dataclass(frozen=True, slots=True)
class RowSecurity:
    """Who sees a table's rows.

    `column` is what must equal the transaction's organization; None keeps the table from the application.
    `grant` is what the application may do. Rows whose column `shared` is null can be read from every
    organization.
    `drives_indexes` False compares in another collation than the column's, so that the policy still decides but no
    index can be walked for it: for a table whose every statement brings its own, better way to the rows.
    """

    column: str | None = "organization_id"
    grant: str = _EVERYTHING
    shared: str | None = None
    drives_indexes: bool = True


# Roles belong to the whole server, so another database's schema may have made them, even at this moment.
_ROLE = """do $$ begin
    if not exists (select from pg_roles where rolname = '{role}') then create role {role} nologin; end if;
    if not (select rolsuper from pg_roles where rolname = current_user) then
        execute 'grant {role} to ' || quote_ident(current_user);
    end if;
exception when duplicate_object or unique_violation then null;
end $$"""


def foundation_statements() -> Iterator[str]:
    """Yield the DDL that everything stands on: the roles and their place in the schema; what follows is the owner's."""
    for role in ROLES:
        yield _ROLE.replace("{role}", role)
    yield f"grant usage, create on schema public to {OWNER_ROLE}"
    yield f"grant usage on schema public to {', '.join(role for role in ROLES if role != OWNER_ROLE)}"
    yield f"set local role {OWNER_ROLE}"


def security_statements(table: str, security: RowSecurity) -> Iterator[str]:
    """Yield the DDL that secures `table`; a partition needs its own, it inherits none."""
    yield f"alter table {table} enable row level security"
    yield f"alter table {table} force row level security"
    yield f"grant {_EVERYTHING} on {table} to {SYSTEM_ROLE}"
    yield f"create policy {table}_system on {table} to {SYSTEM_ROLE} using (true) with check (true)"
    yield f"create policy {table}_reader on {table} for select to {READER_ROLE} using ({_seen(security.column)})"
    if security.column is None:
        return
    own = f"{security.column} = {_CURRENT}" + ("" if security.drives_indexes else ' collate "default"')
    yield f"grant {security.grant} on {table} to {APP_ROLE}"
    yield f"create policy {table}_tenant on {table} to {APP_ROLE} using ({own}) with check ({own})"
    if security.shared is not None:
        readers = f"{APP_ROLE}, {READER_ROLE}"
        yield f"create policy {table}_shared on {table} for select to {readers} using ({security.shared} is null)"


def _seen(column: str | None) -> str:
    """Return what a reader sees: the rows of the organization that is set, every row when none is."""
    return f"{_CURRENT} is null" if column is None else f"{column} is not distinct from coalesce({_CURRENT}, {column})"
