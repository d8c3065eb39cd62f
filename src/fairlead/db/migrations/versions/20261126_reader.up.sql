BEGIN;

-- Running upgrade 20261125_engine_checks -> 20261126_reader

set local lock_timeout = '3s';

do $$ begin
    if not exists (select from pg_roles where rolname = 'fairlead_reader') then
        create role fairlead_reader nologin;
    end if;
exception when duplicate_object or unique_violation then
    null;
end $$;

do $$ begin
    if not (select rolsuper from pg_roles where rolname = current_user) then
        execute format('grant fairlead_reader to %I', current_user);
    end if;
end $$;

grant usage on schema public to fairlead_reader;

grant select on fairlead_migrations to fairlead_reader;

set local role fairlead_owner;

create policy api_keys_reader on api_keys for select to fairlead_reader using (organization_id is not distinct from coalesce(nullif(current_setting('fairlead.organization_id', true), ''), organization_id));

create policy audit_events_reader on audit_events for select to fairlead_reader using (organization_id is not distinct from coalesce(nullif(current_setting('fairlead.organization_id', true), ''), organization_id));

create policy credentials_reader on credentials for select to fairlead_reader using (nullif(current_setting('fairlead.organization_id', true), '') is null);

create policy depth_turns_reader on depth_turns for select to fairlead_reader using (organization_id is not distinct from coalesce(nullif(current_setting('fairlead.organization_id', true), ''), organization_id));

create policy duties_reader on duties for select to fairlead_reader using (nullif(current_setting('fairlead.organization_id', true), '') is null);

create policy invitations_reader on invitations for select to fairlead_reader using (organization_id is not distinct from coalesce(nullif(current_setting('fairlead.organization_id', true), ''), organization_id));

create policy item_counters_reader on item_counters for select to fairlead_reader using (organization_id is not distinct from coalesce(nullif(current_setting('fairlead.organization_id', true), ''), organization_id));

create policy ordering_turns_reader on ordering_turns for select to fairlead_reader using (organization_id is not distinct from coalesce(nullif(current_setting('fairlead.organization_id', true), ''), organization_id));

create policy organizations_reader on organizations for select to fairlead_reader using (id is not distinct from coalesce(nullif(current_setting('fairlead.organization_id', true), ''), id));

create policy queue_items_reader on queue_items for select to fairlead_reader using (organization_id is not distinct from coalesce(nullif(current_setting('fairlead.organization_id', true), ''), organization_id));

create policy queue_items_finished_reader on queue_items_finished for select to fairlead_reader using (organization_id is not distinct from coalesce(nullif(current_setting('fairlead.organization_id', true), ''), organization_id));

create policy queue_items_live_reader on queue_items_live for select to fairlead_reader using (organization_id is not distinct from coalesce(nullif(current_setting('fairlead.organization_id', true), ''), organization_id));

create policy queues_reader on queues for select to fairlead_reader using (organization_id is not distinct from coalesce(nullif(current_setting('fairlead.organization_id', true), ''), organization_id));

create policy roles_reader on roles for select to fairlead_reader using (organization_id is not distinct from coalesce(nullif(current_setting('fairlead.organization_id', true), ''), organization_id));

create policy schedules_reader on schedules for select to fairlead_reader using (organization_id is not distinct from coalesce(nullif(current_setting('fairlead.organization_id', true), ''), organization_id));

create policy sessions_reader on sessions for select to fairlead_reader using (nullif(current_setting('fairlead.organization_id', true), '') is null);

create policy slots_reader on slots for select to fairlead_reader using (organization_id is not distinct from coalesce(nullif(current_setting('fairlead.organization_id', true), ''), organization_id));

create policy unique_periods_reader on unique_periods for select to fairlead_reader using (organization_id is not distinct from coalesce(nullif(current_setting('fairlead.organization_id', true), ''), organization_id));

create policy user_roles_reader on user_roles for select to fairlead_reader using (organization_id is not distinct from coalesce(nullif(current_setting('fairlead.organization_id', true), ''), organization_id));

create policy users_reader on users for select to fairlead_reader using (organization_id is not distinct from coalesce(nullif(current_setting('fairlead.organization_id', true), ''), organization_id));

create policy verifications_reader on verifications for select to fairlead_reader using (nullif(current_setting('fairlead.organization_id', true), '') is null);

create policy workers_reader on workers for select to fairlead_reader using (nullif(current_setting('fairlead.organization_id', true), '') is null);

alter policy roles_shared on roles to fairlead_app, fairlead_reader;

reset role;

UPDATE fairlead_migrations SET version_num='20261126_reader' WHERE fairlead_migrations.version_num = '20261125_engine_checks';

COMMIT;
