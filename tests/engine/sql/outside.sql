-- fairlead.engine.outside.REMEMBER
select set_config('fairlead.caller_role', current_setting('role'), true),
    set_config('fairlead.caller_organization', coalesce(current_setting('fairlead.organization_id', true), ''), true),
    set_config('fairlead.caller_search_path', current_setting('search_path'), true)

-- fairlead.engine.outside.REFUSE_AUTOCOMMIT
do $$ begin
    if coalesce(current_setting('fairlead.caller_role', true), '') = '' then
        raise exception 'Run these statements in one transaction; this connection commits after each.'
            using errcode = '25P01';
    end if;
end $$

-- fairlead.engine.outside.ENTER
select set_config('search_path', 'public, pg_temp', true),
    set_config('fairlead.organization_id', %(organization_id)s, true), set_config('role', 'fairlead_app', true)

-- fairlead.engine.outside.LEAVE
select set_config('role', current_setting('fairlead.caller_role'), true),
    set_config('fairlead.organization_id', current_setting('fairlead.caller_organization'), true),
    set_config('search_path', current_setting('fairlead.caller_search_path'), true)
