"""How the catalogue is asked for what runs in the database: functions, views, rules, triggers.

Each query gives schema, table (empty where there is none), name and the facts as JSON.
"""

from __future__ import annotations

from typing import Final

from fairlead.toolkit.catalogue.tables import OWNER
from fairlead.toolkit.catalogue.thing import Kind

# When a rule or a trigger fires.
_FIRES: Final = """case {enabled} when 'O' then 'enabled' when 'D' then 'disabled' when 'R' then 'on replicas only'
        else 'always' end"""

_FUNCTIONS: Final = """
select n.nspname, '', format('%%I(%%s)', p.proname, pg_get_function_identity_arguments(p.oid)), jsonb_build_object(
    'definition', case when p.prokind <> 'a' then rtrim(pg_get_functiondef(p.oid), E'\\n') end,
    'aggregate', (select format('of %%s into %%s, from %%s, finally %%s', g.aggtransfn, g.aggtranstype::regtype,
        coalesce(g.agginitval, 'null'), g.aggfinalfn) from pg_aggregate g where g.aggfnoid = p.oid),
    'procedure', nullif(p.prokind = 'p', false),
    'returns', pg_get_function_result(p.oid),
    'body', case when p.prokind <> 'a' then coalesce(pg_get_function_sqlbody(p.oid), p.prosrc) end,
    'owner', {owner},
    'comment', obj_description(p.oid, 'pg_proc'))
from pg_proc p join pg_namespace n on n.oid = p.pronamespace
where n.nspname = any (%(schemas)s)
    and not exists (select from pg_depend where classid = 'pg_proc'::regclass and objid = p.oid and deptype = 'e')
    and not exists (select from pg_depend where classid = 'pg_proc'::regclass and objid = p.oid and deptype = 'i')
""".replace("{owner}", OWNER.replace("{owner}", "p.proowner"))

_VIEWS: Final = """
select n.nspname, '', c.relname, jsonb_build_object(
    'materialized', nullif(c.relkind = 'm', false),
    'definition', rtrim(pg_get_viewdef(c.oid), ';'),
    'columns', (select jsonb_agg(format('%%I %%s', a.attname, format_type(a.atttypid, a.atttypmod)) order by a.attnum)
        from pg_attribute a where a.attrelid = c.oid and a.attnum > 0),
    'column comments', (select jsonb_object_agg(a.attname, col_description(c.oid, a.attnum)) from pg_attribute a
        where a.attrelid = c.oid and a.attnum > 0 and col_description(c.oid, a.attnum) is not null),
    'column defaults', (select jsonb_object_agg(a.attname, pg_get_expr(d.adbin, d.adrelid)) from pg_attrdef d
        join pg_attribute a on a.attrelid = d.adrelid and a.attnum = d.adnum where d.adrelid = c.oid),
    'options', (select jsonb_agg(o order by o) from unnest(c.reloptions) o),
    'clustered on', (select quote_ident(x.relname) from pg_index i join pg_class x on x.oid = i.indexrelid
        where i.indrelid = c.oid and i.indisclustered),
    'without data', nullif(not c.relispopulated, false),
    'owner', {owner},
    'comment', obj_description(c.oid, 'pg_class'))
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('v', 'm') and n.nspname = any (%(schemas)s)
    and not exists (select from pg_depend where classid = 'pg_class'::regclass and objid = c.oid and deptype = 'e')
""".replace("{owner}", OWNER.replace("{owner}", "c.relowner"))

_RULES: Final = """
select n.nspname, c.relname, r.rulename, jsonb_build_object(
    'definition', rtrim(pg_get_ruledef(r.oid), ';'),
    'fires', {fires},
    'comment', obj_description(r.oid, 'pg_rewrite'))
from pg_rewrite r join pg_class c on c.oid = r.ev_class join pg_namespace n on n.oid = c.relnamespace
where r.rulename <> '_RETURN' and n.nspname = any (%(schemas)s)
""".replace("{fires}", _FIRES.replace("{enabled}", "r.ev_enabled"))

_TRIGGERS: Final = """
select n.nspname, c.relname, t.tgname, jsonb_build_object(
    'definition', pg_get_triggerdef(t.oid),
    'fires', {fires},
    'inherited', case when p.oid is not null then jsonb_build_object('fires', {inherited}) end,
    'comment', obj_description(t.oid, 'pg_trigger'))
from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace
left join pg_trigger p on p.oid = t.tgparentid
where not t.tgisinternal and (p.oid is null or p.tgenabled <> t.tgenabled) and n.nspname = any (%(schemas)s)
""".replace("{fires}", _FIRES.replace("{enabled}", "t.tgenabled")).replace(
    "{inherited}", _FIRES.replace("{enabled}", "p.tgenabled")
)

# What models hardly ever declare; that it is there at all is what can be compared.
_OTHERS: Final = """
select n.nspname, '', i.type || ' ' || i.identity, jsonb_build_object('what', i.type)
from (
    select 'pg_operator'::regclass, oid, oprnamespace from pg_operator
    union all select 'pg_opclass'::regclass, oid, opcnamespace from pg_opclass
    union all select 'pg_opfamily'::regclass, oid, opfnamespace from pg_opfamily
    union all select 'pg_collation'::regclass, oid, collnamespace from pg_collation
    union all select 'pg_conversion'::regclass, oid, connamespace from pg_conversion
    union all select 'pg_ts_config'::regclass, oid, cfgnamespace from pg_ts_config
    union all select 'pg_ts_dict'::regclass, oid, dictnamespace from pg_ts_dict
) o (class, id, namespace)
join pg_namespace n on n.oid = o.namespace
cross join lateral pg_identify_object(o.class, o.id, 0) i
where n.nspname = any (%(schemas)s) and not exists (
    select from pg_depend d where d.classid = o.class and d.objid = o.id and d.deptype in ('e', 'i', 'a')
        and d.refclassid in ('pg_extension'::regclass, 'pg_opclass'::regclass))
"""

# What belongs to the database, as far as it is about the target's schemas.
_EVENT_TRIGGERS: Final = """
select '', '', e.evtname, jsonb_build_object(
    'definition', format('create event trigger %%I on %%s%%s execute function %%s', e.evtname, e.evtevent,
        (select ' when tag in (' || string_agg(quote_literal(t), ', ' order by t) || ')' from unnest(e.evttags) t),
        e.evtfoid::regprocedure),
    'fires', {fires},
    'comment', obj_description(e.oid, 'pg_event_trigger'))
from pg_event_trigger e join pg_proc p on p.oid = e.evtfoid join pg_namespace n on n.oid = p.pronamespace
where n.nspname = any (%(schemas)s)
    and not exists (select from pg_depend where classid = 'pg_event_trigger'::regclass and objid = e.oid
        and deptype = 'e')
""".replace("{fires}", _FIRES.replace("{enabled}", "e.evtenabled"))

_PUBLICATIONS: Final = """
select '', '', p.pubname, jsonb_build_object(
    'definition', case when p.puballtables then 'for all tables' else 'for ' || concat_ws(', ',
        (select string_agg(format('table %%s%%s%%s', r.prrelid::regclass,
                (select ' (' || string_agg(quote_ident(attname), ', ' order by attnum) || ')' from pg_attribute
                    where attrelid = r.prrelid and attnum = any (r.prattrs::smallint[])),
                ' where (' || pg_get_expr(r.prqual, r.prrelid) || ')'), ', ' order by r.prrelid::regclass::text)
            from pg_publication_rel r where r.prpubid = p.oid),
        (select string_agg(format('tables in schema %%I', n.nspname), ', ' order by n.nspname)
            from pg_publication_namespace s join pg_namespace n on n.oid = s.pnnspid where s.pnpubid = p.oid)) end,
    'operations', concat_ws(', ', case when p.pubinsert then 'insert' end, case when p.pubupdate then 'update' end,
        case when p.pubdelete then 'delete' end, case when p.pubtruncate then 'truncate' end),
    'via root', nullif(p.pubviaroot, false),
    'owner', {owner},
    'comment', obj_description(p.oid, 'pg_publication'))
from pg_publication p
where cardinality(%(schemas)s::text[]) > 0 and (p.puballtables
    or exists (select from pg_publication_rel r join pg_class c on c.oid = r.prrelid
        join pg_namespace n on n.oid = c.relnamespace where r.prpubid = p.oid and n.nspname = any (%(schemas)s))
    or exists (select from pg_publication_namespace s join pg_namespace n on n.oid = s.pnnspid
        where s.pnpubid = p.oid and n.nspname = any (%(schemas)s)))
""".replace("{owner}", OWNER.replace("{owner}", "p.pubowner"))

QUERIES: Final = (
    (Kind.OTHER, _OTHERS),
    (Kind.FUNCTION, _FUNCTIONS),
    (Kind.VIEW, _VIEWS),
    (Kind.RULE, _RULES),
    (Kind.TRIGGER, _TRIGGERS),
    (Kind.EVENT_TRIGGER, _EVENT_TRIGGERS),
    (Kind.PUBLICATION, _PUBLICATIONS),
)
