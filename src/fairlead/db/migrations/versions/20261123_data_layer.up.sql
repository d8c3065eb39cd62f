BEGIN;

-- Running upgrade 20261122_baseline -> 20261123_data_layer

set local lock_timeout = '3s';

set local role fairlead_owner;

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
generated always as (lower((left(name, 100) || E'\n' || left(email, 254)) collate "default") collate "C") stored;

drop index users_org_idx;

create index users_org_idx on users (organization_id, created_at desc, id desc) include (deleted_at, search_text);

reset role;

UPDATE fairlead_migrations SET version_num='20261123_data_layer' WHERE fairlead_migrations.version_num = '20261122_baseline';

COMMIT;
