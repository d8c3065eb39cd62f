"""A role for whoever looks and never writes: `fairlead_reader`, which `fairlead db studio` reads through.

Expand only. The role may read no table by itself; its policies say which rows a login sees that studio gives columns to
read. Adding a policy takes its table's lock for a moment; no other role's statements are planned differently.

Revision: 20261126_reader, after 20261125_engine_checks
"""

from __future__ import annotations

from alembic import op

revision = "20261126_reader"
down_revision = "20261125_engine_checks"
branch_labels = None
depends_on = None

# Roles belong to the whole server, so another database's migration may have made it, even at this moment.
_ROLE = """
do $$ begin
    if not exists (select from pg_roles where rolname = 'fairlead_reader') then
        create role fairlead_reader nologin;
    end if;
exception when duplicate_object or unique_violation then
    null;
end $$

do $$ begin
    if not (select rolsuper from pg_roles where rolname = current_user) then
        execute format('grant fairlead_reader to %I', current_user);
    end if;
end $$

grant usage on schema public to fairlead_reader

grant select on fairlead_migrations to fairlead_reader
"""

_CURRENT = "nullif(current_setting('fairlead.organization_id', true), '')"
_OWN = [
    "api_keys",
    "audit_events",
    "depth_turns",
    "invitations",
    "item_counters",
    "ordering_turns",
    "queue_items",
    "queue_items_live",
    "queue_items_finished",
    "queues",
    "roles",
    "schedules",
    "slots",
    "unique_periods",
    "user_roles",
    "users",
]
_NOBODYS = ["credentials", "duties", "sessions", "verifications", "workers"]
_SEEN = {
    "organizations": f"id is not distinct from coalesce({_CURRENT}, id)",
    **dict.fromkeys(_OWN, f"organization_id is not distinct from coalesce({_CURRENT}, organization_id)"),
    **dict.fromkeys(_NOBODYS, f"{_CURRENT} is null"),
}


def upgrade() -> None:
    """Expand."""
    op.execute("set local lock_timeout = '3s'")
    for statement in _ROLE.split("\n\n"):
        op.execute(statement)
    op.execute("set local role fairlead_owner")
    for table, seen in sorted(_SEEN.items()):
        op.execute(f"create policy {table}_reader on {table} for select to fairlead_reader using ({seen})")
    op.execute("alter policy roles_shared on roles to fairlead_app, fairlead_reader")
    op.execute("reset role")


def downgrade() -> None:
    """Undo the upgrade; the role belongs to the server and stays."""
    op.execute("set local lock_timeout = '3s'")
    op.execute("revoke select on fairlead_migrations from fairlead_reader")
    op.execute("revoke usage on schema public from fairlead_reader")
    op.execute("set local role fairlead_owner")
    op.execute("alter policy roles_shared on roles to fairlead_app")
    for table in sorted(_SEEN):
        op.execute(f"drop policy {table}_reader on {table}")
    op.execute("reset role")
