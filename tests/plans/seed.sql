-- The seed of the plan tests, for a superuser, who is above row security. Statements are separated by blank lines.
-- 100 organizations with 10 queues each; 200 000 items wait in one queue and 20 in every queue, 50 000 are for later,
-- 2 000 are being processed (half of their leases have run out), 100 000 are finished.

-- Foreign keys are checked by triggers, a row at a time; the seed keeps them by itself.
set session_replication_role = replica;

set synchronous_commit = off;

insert into organizations (id, name, slug)
select 'organization' || lpad(n::text, 11, '0'), 'Organization', n::text
from generate_series(1, 100) n;

insert into queues (id, organization_id, name)
select 'queue' || lpad(n::text, 17, '0') || '_' || q, 'organization' || lpad(n::text, 11, '0'), 'queue ' || q
from generate_series(1, 100) n, generate_series(1, 10) q;

create temporary view spread as
select n, 'organization' || lpad((1 + n % 100)::text, 11, '0') as organization_id,
    'queue' || lpad((1 + n % 100)::text, 17, '0') || '_' || (1 + n / 100 % 10) as queue_id
from generate_series(0, 99999) n;

insert into queue_items_live (id, organization_id, queue_id, payload, priority)
select 'heavy' || lpad(n::text, 19, '0'), 'organization00000000001', 'queue00000000000000001_1', '{}', n % 3
from generate_series(1, 200000) n;

insert into queue_items_live (id, organization_id, queue_id, payload)
select 'spread' || lpad(n::text, 18, '0'), organization_id, queue_id, '{}'
from spread where n < 20000;

insert into queue_items_live (id, organization_id, queue_id, payload, ready, scheduled_for)
select 'later' || lpad(n::text, 19, '0'), organization_id, queue_id, '{}', false, now() + make_interval(secs => n - 100)
from spread where n < 50000;

insert into queue_items_live
    (id, organization_id, queue_id, payload, status, attempts, claims, lease_expires_at, started_at)
select 'leased' || lpad(n::text, 18, '0'), organization_id, queue_id, '{}', 'processing', 1, 1,
    now() + make_interval(secs => 1000 - n), now()
from spread where n < 2000;

insert into queue_items (id, organization_id, queue_id, payload, status, attempts, claims, finished_at)
select 'done' || lpad(n::text, 20, '0'), organization_id, queue_id, '{}', 'completed', 1, 1,
    now() - make_interval(secs => n)
from spread;

analyze
