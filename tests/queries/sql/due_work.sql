-- fairlead.queries.due_work.LOOK
select statement_timestamp(),
    (select i.scheduled_for
     from queue_items_live i
     where i.status = 'waiting' and not i.ready and not i.blocked
        and i.scheduled_for >= coalesce(cast(%(scheduled)s as timestamptz), '-infinity')
     order by i.scheduled_for
     limit 1),
    (select i.lease_expires_at
     from queue_items_live i
     where i.status = 'processing' and i.lease_expires_at <= statement_timestamp()
        and i.lease_expires_at >= coalesce(cast(%(leases)s as timestamptz), '-infinity')
     order by i.lease_expires_at
     limit 1),
    (select n.id from ordering_turns n where n.id > %(turns)s order by n.id limit 1),
    (select c.id from item_counters c order by c.id desc limit 1),
    array(select d.name from duties d where d.due_at > statement_timestamp())
