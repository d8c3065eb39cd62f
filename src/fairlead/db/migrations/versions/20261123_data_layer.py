"""What the data layer needs: a trail that outlives its organization, keys that know what they replace, quick search.

Expand only. Code of the first release goes on working: it always gives an event its organization and never reads the
new columns. Dropping a constraint and a NOT NULL take their lock for a moment; the indexes of `api_keys` are built on a
small table. `users` is rewritten for the column that the database itself keeps up to date (measured: 200 000 users in
1.4 s), and users cannot be read meanwhile: with millions of them run this when few people are about.

Revision: 20261123_data_layer, after 20261122_baseline
"""

from __future__ import annotations

from alembic import op

revision = "20261123_data_layer"
down_revision = "20261122_baseline"
branch_labels = None
depends_on = None

_UP = """
alter table audit_events drop constraint audit_events_organization_id_fkey;
alter table audit_events alter column organization_id drop not null;
create index audit_events_subject_idx on audit_events (organization_id, subject_id, created_at desc, id desc);
alter table api_keys add constraint api_keys_organization_id_id_key unique (organization_id, id);
alter table api_keys add column rotated_from text collate "C";
alter table api_keys add constraint api_keys_organization_id_rotated_from_fkey
    foreign key (organization_id, rotated_from) references api_keys (organization_id, id)
    on delete set null (rotated_from);
create unique index api_keys_rotated_idx on api_keys (rotated_from);
drop index api_keys_org_idx;
create index api_keys_org_idx on api_keys (organization_id, created_at desc, id desc);
alter table users add column search_text text collate "C"
    generated always as (lower((left(name, 100) || E'\\n' || left(email, 254)) collate "default") collate "C") stored;
drop index users_org_idx;
create index users_org_idx on users (organization_id, created_at desc, id desc) include (deleted_at, search_text)
"""

# Events that the first release's schema has no place for are lost: those of organizations that are gone, or of none.
_DOWN = """
drop index users_org_idx;
create index users_org_idx on users (organization_id, created_at desc, id desc);
alter table users drop column search_text;
drop index api_keys_org_idx;
create index api_keys_org_idx on api_keys (organization_id);
alter table api_keys drop column rotated_from;
alter table api_keys drop constraint api_keys_organization_id_id_key;
drop index audit_events_subject_idx;
set local role fairlead_system;
delete from audit_events e
    where organization_id is null or not exists (select from organizations o where o.id = e.organization_id);
set local role fairlead_owner;
alter table audit_events alter column organization_id set not null;
alter table audit_events add constraint audit_events_organization_id_fkey
    foreign key (organization_id) references organizations (id) on delete cascade
"""


def upgrade() -> None:
    """Expand."""
    _run(_UP)


def downgrade() -> None:
    """Undo the upgrade."""
    _run(_DOWN)


def _run(statements: str) -> None:
    op.execute("set local lock_timeout = '3s'")
    op.execute("set local role fairlead_owner")
    for statement in statements.split(";\n"):
        op.execute(statement)
    op.execute("reset role")
