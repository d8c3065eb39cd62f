BEGIN;

-- Running downgrade 20261126_reader -> 20261125_engine_checks

set local lock_timeout = '3s';

revoke select on fairlead_migrations from fairlead_reader;

revoke usage on schema public from fairlead_reader;

set local role fairlead_owner;

alter policy roles_shared on roles to fairlead_app;

drop policy api_keys_reader on api_keys;

drop policy audit_events_reader on audit_events;

drop policy credentials_reader on credentials;

drop policy depth_turns_reader on depth_turns;

drop policy duties_reader on duties;

drop policy invitations_reader on invitations;

drop policy item_counters_reader on item_counters;

drop policy ordering_turns_reader on ordering_turns;

drop policy organizations_reader on organizations;

drop policy queue_items_reader on queue_items;

drop policy queue_items_finished_reader on queue_items_finished;

drop policy queue_items_live_reader on queue_items_live;

drop policy queues_reader on queues;

drop policy roles_reader on roles;

drop policy schedules_reader on schedules;

drop policy sessions_reader on sessions;

drop policy slots_reader on slots;

drop policy unique_periods_reader on unique_periods;

drop policy user_roles_reader on user_roles;

drop policy users_reader on users;

drop policy verifications_reader on verifications;

drop policy workers_reader on workers;

reset role;

UPDATE fairlead_migrations SET version_num='20261125_engine_checks' WHERE fairlead_migrations.version_num = '20261126_reader';

COMMIT;
