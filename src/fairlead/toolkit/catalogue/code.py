"""How the catalogue is asked for what runs in the database: functions, views, rules, triggers.

Each query gives schema, table (empty where there is none), name and the facts as JSON.
"""

from __future__ import annotations

from typing import Final

from fairlead.toolkit.catalogue.tables import OWNER
from fairlead.toolkit.catalogue.thing import Kind

_FUNCTIONS: Final = """
select n.nspname, '', format('%%I(%%s)', p.proname, pg_get_function_identity_arguments(p.oid)), jsonb_build_object(
    'definition', rtrim(pg_get_functiondef(p.oid), E'\\n'),
    'procedure', nullif(p.prokind = 'p', false),
    'returns', pg_get_function_result(p.oid),
    'body', coalesce(pg_get_function_sqlbody(p.oid), p.prosrc),
    'needs tables', nullif(p.prosqlbody is not null, false),
    'owner', {owner},
    'comment', obj_description(p.oid, 'pg_proc'))
from pg_proc p join pg_namespace n on n.oid = p.pronamespace
where p.prokind in ('f', 'p', 'w') and n.nspname = any (%(schemas)s)
    and not exists (select from pg_depend where classid = 'pg_proc'::regclass and objid = p.oid and deptype = 'e')
    and not exists (select from pg_depend where classid = 'pg_proc'::regclass and objid = p.oid and deptype = 'i')
""".replace("{owner}", OWNER.replace("{owner}", "p.proowner"))

_VIEWS: Final = """
select n.nspname, '', c.relname, jsonb_build_object(
    'materialized', nullif(c.relkind = 'm', false),
    'definition', rtrim(pg_get_viewdef(c.oid), ';'),
    'options', (select jsonb_agg(o order by o) from unnest(c.reloptions) o),
    'owner', {owner},
    'comment', obj_description(c.oid, 'pg_class'))
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('v', 'm') and n.nspname = any (%(schemas)s)
    and not exists (select from pg_depend where classid = 'pg_class'::regclass and objid = c.oid and deptype = 'e')
""".replace("{owner}", OWNER.replace("{owner}", "c.relowner"))

_RULES: Final = """
select n.nspname, c.relname, r.rulename, jsonb_build_object('definition', rtrim(pg_get_ruledef(r.oid), ';'),
    'comment', obj_description(r.oid, 'pg_rewrite'))
from pg_rewrite r join pg_class c on c.oid = r.ev_class join pg_namespace n on n.oid = c.relnamespace
where r.rulename <> '_RETURN' and n.nspname = any (%(schemas)s)
"""

_TRIGGERS: Final = """
select n.nspname, c.relname, t.tgname, jsonb_build_object(
    'definition', pg_get_triggerdef(t.oid),
    'fires', case t.tgenabled when 'O' then 'enabled' when 'D' then 'disabled' when 'R' then 'on replicas only'
        else 'always' end,
    'comment', obj_description(t.oid, 'pg_trigger'))
from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace
where not t.tgisinternal and t.tgparentid = 0 and n.nspname = any (%(schemas)s)
"""

QUERIES: Final = {
    (Kind.FUNCTION, 0): _FUNCTIONS,
    (Kind.VIEW, 0): _VIEWS,
    (Kind.RULE, 0): _RULES,
    (Kind.TRIGGER, 0): _TRIGGERS,
}
