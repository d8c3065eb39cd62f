-- The seed of the plan tests, for a superuser, who is above row security. Statements are separated by blank lines; what
-- follows a dollar sign is a field of size.py's Size. Each organization has ten queues; $heavy items wait in one queue
-- and $spread in all of them, $later are for later, $leased are being processed (half of their leases have run out),
-- $blocked wait behind their ordering keys, $finished are finished, $periods unique keys are or were held for a time.
-- Idle organizations have two queues each, if any; every queue has slots, two rows of counters and five notes of
-- ordering keys.
-- For the lists the first organization has 8 000 users, 8 000 events and 400 keys, the others together
-- four times that, and 32 000 keys more.

-- Foreign keys are checked by triggers, a row at a time; the seed keeps them by itself.
set session_replication_role = replica;

set synchronous_commit = off;

insert into organizations (id, name, slug)
select 'organization' || lpad(n::text, 12, '0'), 'Organization', n::text
from generate_series(1, $organizations) n;

insert into organizations (id, name, slug)
select 'idle' || lpad(n::text, 20, '0'), 'Organization', 'idle ' || n
from generate_series(1, 5000) n;

insert into queues (id, organization_id, name, max_concurrency, max_depth, retention_seconds)
select 'queue' || lpad(n::text, 17, '0') || lpad(q::text, 2, '0'), 'organization' || lpad(n::text, 12, '0'), 'queue ' || q,
    case when q <> 1 then 5 end, case when q <> 1 then 1000000 end, 3600
from generate_series(1, $organizations) n, generate_series(1, 10) q;

insert into queues (id, organization_id, name)
select 'idle' || q || lpad(n::text, 19, '0'), 'idle' || lpad(n::text, 20, '0'), 'queue ' || q
from generate_series(1, $idle_organizations) n, generate_series(1, 2) q;

insert into item_counters (organization_id, queue_id, waiting)
select organization_id, id, 1 from queues, generate_series(1, 2);

insert into ordering_turns (organization_id, queue_id, ordering_key)
select organization_id, id, 'key ' || n from queues, generate_series(1, 5) n;

create temporary view spread as
select n, 'organization' || lpad((1 + n % $organizations)::text, 12, '0') as organization_id,
    'queue' || lpad((1 + n % $organizations)::text, 17, '0') || lpad((1 + n / $organizations % 10)::text, 2, '0') as queue_id
from generate_series(0, $finished - 1) n;

insert into queue_items_live (id, organization_id, queue_id, payload, priority)
select 'heavy' || lpad(n::text, 19, '0'), 'organization000000000001', 'queue0000000000000000101', '{}', n % 3
from generate_series(1, $heavy) n;

insert into queue_items_live (id, organization_id, queue_id, payload)
select 'spread' || lpad(n::text, 18, '0'), organization_id, queue_id, '{}'
from spread where n < $spread;

insert into queue_items_live (id, organization_id, queue_id, payload, ready, scheduled_for)
select 'later' || lpad(n::text, 19, '0'), organization_id, queue_id, '{}', false, now() + make_interval(secs => n - 100)
from spread where n < $later;

insert into queue_items_live (id, organization_id, queue_id, payload, ready, blocked, ordering_key)
select 'blocked' || lpad(n::text, 17, '0'), organization_id, queue_id, '{}', false, true, 'key ' || n % 7
from spread where n < $blocked;

insert into unique_periods (organization_id, queue_id, unique_key, item_id, expires_at)
select organization_id, queue_id, 'key ' || n, 'spread' || lpad(n::text, 18, '0'),
    now() + make_interval(days => n / 10 / $organizations % 2 * 2 - 1)
from spread where n < $periods;

insert into queue_items_live
    (id, organization_id, queue_id, payload, status, attempts, claims, lease_expires_at, started_at, counted)
select 'leased' || lpad(n::text, 18, '0'), organization_id, queue_id, '{}', 'processing', 1, 1,
    now() + make_interval(secs => case when n < $leased / 2 then 86400 else 0 end - n), now(), n / $organizations % 10 > 0
from spread where n < $leased;

insert into slots (organization_id, queue_id, taken)
select s.organization_id, s.queue_id, (
    select count(*) from queue_items_live i
    where i.status = 'processing' and i.counted and i.organization_id = s.organization_id
        and s.queue_id in ('', i.queue_id))
from (select organization_id, id as queue_id from queues union all select distinct organization_id, '' from queues) s;

insert into depth_turns (organization_id, queue_id) select organization_id, queue_id from slots;

insert into queue_items (id, organization_id, queue_id, payload, status, attempts, claims, finished_at)
select 'done' || lpad(n::text, 20, '0'), organization_id, queue_id, '{}', 'completed', 1, 1,
    now() - make_interval(secs => n)
from spread;

-- What a commit has not flushed yet a vacuum does not mark as visible to all.
set synchronous_commit = on;

create temporary view listed as
select n, 'organization' || lpad((case when n % 5 = 0 then 1 else 2 + n % 99 end)::text, 12, '0') as organization_id,
    timestamptz '2026-01-01' + make_interval(secs => n) as created_at
from generate_series(0, 39999) n;

insert into users (id, organization_id, name, email, created_at)
select 'u' || left(md5(n::text), 23), organization_id, 'Somebody ' || n, 'somebody.' || n || '@example.org', created_at
from listed;

insert into audit_events (id, organization_id, actor_kind, action, subject_kind, subject_id, created_at)
select 'e' || left(md5(n::text), 23), organization_id, 'operator', 'user.updated', 'user',
    'u' || left(md5((n / 10)::text), 23), created_at
from listed;

insert into api_keys (id, organization_id, user_id, name, key_hash, key_prefix, created_at)
select 'k' || left(md5(n::text), 23), organization_id, 'u' || left(md5((n / 10)::text), 23), 'Key ' || n, n, 'flk', created_at
from listed
where n < 2000;

-- More keys of nobody in particular: reading all of them must never look cheap, whatever the sample of the statistics.
insert into api_keys (id, organization_id, user_id, name, key_hash, key_prefix, created_at)
select 'z' || left(md5(n::text), 23), organization_id, 'u' || left(md5((n / 10)::text), 23), 'Key ' || n, -n, 'flk', created_at
from listed
where n < 40000 and n % 5 <> 0;

vacuum users, audit_events, api_keys, queue_items_live, queue_items_finished, item_counters;

analyze
