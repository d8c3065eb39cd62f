BEGIN;

-- Running downgrade 20261123_data_layer -> 20261122_baseline

set local lock_timeout = '3s';

set local role fairlead_owner;

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
foreign key (organization_id) references organizations (id) on delete cascade;

reset role;

UPDATE fairlead_migrations SET version_num='20261122_baseline' WHERE fairlead_migrations.version_num = '20261123_data_layer';

COMMIT;
