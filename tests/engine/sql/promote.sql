-- fairlead.engine.promote.PROMOTE
with due as materialized (
    select i.ctid as row
    from queue_items_live i
    where i.status = 'waiting' and not i.ready and not i.blocked and i.scheduled_for <= statement_timestamp()
        and i.scheduled_for >= coalesce(cast(%(since)s as timestamptz), '-infinity')
    order by i.scheduled_for
    limit %(most)s
    for update skip locked
),
placed as materialized (
    select d.row, nextval('queue_items_seq') as seq from due d
)
update queue_items_live i
set ready = true, seq = p.seq
from placed p
where i.ctid = any (array(select d.row from due d)) and i.ctid = p.row
returning i.queue_id
