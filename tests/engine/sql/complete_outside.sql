-- fairlead.engine.complete_outside.ASK
select set_config('fairlead.completed', cast(exists (
    select from queue_items i
    where i.organization_id = %(organization_id)s and i.id = %(id)s and i.claims = %(claims)s and i.status = 'completed'
) as text), true)

-- fairlead.engine.complete_outside.INSIST
do $$ begin
    if current_setting('fairlead.completed', true) is distinct from 'true' then
        raise exception 'This lease is no longer current; nothing may be changed.' using errcode = 'FL409';
    end if;
end $$
