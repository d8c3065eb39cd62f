-- fairlead.engine.carry_rate.CARRY_RATE
update slots s
set rate_slice = floor(extract(epoch from statement_timestamp()) * 19 / %(period_seconds)s)::bigint,
    rate_started = array_fill(0, array[19]) || (
        select coalesce(sum(r.started), 0)::integer
        from unnest(s.rate_started) with ordinality r (started, place)
        where r.place + s.rate_slice > floor(extract(epoch from statement_timestamp()) * 19 / %(old_seconds)s)
    )
where s.organization_id = %(organization_id)s and s.queue_id = %(queue_id)s
