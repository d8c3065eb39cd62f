-- Removes everything that 20261122_baseline.up.sql made, except the server-wide roles: other databases may use them.

set local role fairlead_owner;

drop table item_counters, audit_events, workers, schedules, queue_items, queues, invitations, verifications,
    credentials, sessions, api_keys, user_roles, roles, users, organizations;

drop sequence queue_items_seq;

drop type queue_item_status;

reset role;

revoke usage on schema public from fairlead_app, fairlead_system;

revoke usage, create on schema public from fairlead_owner;
