-- fairlead.engine.complete_outside.REMEMBER
select set_config('fairlead.caller_role', current_setting('role'), true),
    set_config('fairlead.caller_organization', coalesce(current_setting('fairlead.organization_id', true), ''), true)

-- fairlead.engine.complete_outside.ENTER
select set_config('role', 'fairlead_app', true), set_config('fairlead.organization_id', %(organization_id)s, true)

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

-- fairlead.engine.complete_outside.LEAVE
select set_config('fairlead.organization_id', current_setting('fairlead.caller_organization'), true),
    set_config('role', current_setting('fairlead.caller_role'), true)
