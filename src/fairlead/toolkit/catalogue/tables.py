"""How the catalogue is asked for tables and what they are made of: columns, constraints, indexes, statistics.

Each query gives schema, table, name and the facts as JSON. Of a partition only what is its own is told.
"""

from __future__ import annotations

from typing import Final

from fairlead.toolkit.catalogue.thing import Kind

# An owner is told only when it is another than the login at work and the owner of the database.
OWNER: Final = """(select rolname from pg_roles r where r.oid = {owner}
    and rolname not in (current_user, session_user)
    and r.oid <> (select datdba from pg_database where datname = current_database()))"""

_TABLES: Final = """
select n.nspname, c.relname, c.relname, jsonb_build_object(
    'persistence', case c.relpersistence when 'u' then 'unlogged' end,
    'partition key', pg_get_partkeydef(c.oid),
    'partition of', case when c.relispartition then
        (select inhparent::regclass::text from pg_inherits where inhrelid = c.oid) end,
    'bound', pg_get_expr(c.relpartbound, c.oid),
    'inherits', case when not c.relispartition then
        (select jsonb_agg(inhparent::regclass::text order by inhseqno) from pg_inherits where inhrelid = c.oid) end,
    'row-level security', c.relrowsecurity,
    'forced row-level security', c.relforcerowsecurity,
    'storage parameters', (select jsonb_agg(o order by o) from unnest(c.reloptions) o),
    'toast parameters', (select jsonb_agg(o order by o) from pg_class t, unnest(t.reloptions) o
        where t.oid = c.reltoastrelid),
    'replica identity', case c.relreplident when 'd' then null when 'n' then 'nothing' when 'f' then 'full' else
        (select 'using index ' || indexrelid::regclass from pg_index where indrelid = c.oid and indisreplident) end,
    'access method', (select amname from pg_am where oid = c.relam and amname <> 'heap'),
    'clustered on', (select quote_ident(x.relname) from pg_index i join pg_class x on x.oid = i.indexrelid
        where i.indrelid = c.oid and i.indisclustered),
    'foreign server', (select s.srvname from pg_foreign_table f join pg_foreign_server s on s.oid = f.ftserver
        where f.ftrelid = c.oid),
    'tablespace', (select spcname from pg_tablespace where oid = c.reltablespace),
    'owner', {owner},
    'comment', obj_description(c.oid, 'pg_class'))
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'f') and n.nspname = any (%(schemas)s)
    and not exists (select from pg_depend where classid = 'pg_class'::regclass and objid = c.oid and deptype = 'e')
""".replace("{owner}", OWNER.replace("{owner}", "c.relowner"))

# Options whose names begin with "pg_" are the server's own notes: Debian's 15.20 has one, `pg_attver`, at each column.
_COLUMNS: Final = """
select n.nspname, c.relname, a.attname, jsonb_build_object(
    'type', format_type(a.atttypid, a.atttypmod),
    'collation', case when a.attcollation <> t.typcollation then a.attcollation::regcollation::text end,
    'nullable', not a.attnotnull,
    'not validated', (select o.conname from pg_constraint o where o.conrelid = c.oid and o.contype = 'n'
        and o.conkey[1] = a.attnum and not o.convalidated),
    'default', case when a.attgenerated = '' then pg_get_expr(d.adbin, d.adrelid) end,
    'generated', case when a.attgenerated <> '' then pg_get_expr(d.adbin, d.adrelid) end,
    'generated kind', case a.attgenerated when 's' then 'stored' when 'v' then 'virtual' end,
    'identity', case a.attidentity when 'a' then 'always' when 'd' then 'by default' end,
    'identity sequence', (select format('start with %%s increment by %%s minvalue %%s maxvalue %%s cache %%s%%s',
            s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcache, case when s.seqcycle then ' cycle' else '' end)
        from pg_depend i join pg_sequence s on s.seqrelid = i.objid
        where i.refclassid = 'pg_class'::regclass and i.refobjid = c.oid and i.refobjsubid = a.attnum
            and i.deptype = 'i'),
    'storage', case when a.attstorage <> t.typstorage then
        case a.attstorage when 'p' then 'plain' when 'e' then 'external' when 'm' then 'main' else 'extended' end end,
    'compression', case a.attcompression when 'p' then 'pglz' when 'l' then 'lz4' end,
    'statistics', nullif(a.attstattarget, -1),
    'options', (select jsonb_agg(o order by o) from unnest(a.attoptions) o where not starts_with(o, 'pg_')),
    'inherited', (select jsonb_build_object('nullable', not p.attnotnull, 'default', pg_get_expr(pd.adbin, pd.adrelid),
            'storage', case when p.attstorage <> t.typstorage then case p.attstorage when 'p' then 'plain'
                when 'e' then 'external' when 'm' then 'main' else 'extended' end end,
            'compression', case p.attcompression when 'p' then 'pglz' when 'l' then 'lz4' end,
            'statistics', null, 'options', null, 'comment', null)
        from pg_inherits i
        join pg_attribute p on p.attrelid = i.inhparent and p.attname = a.attname
        left join pg_attrdef pd on pd.adrelid = p.attrelid and pd.adnum = p.attnum
        where i.inhrelid = c.oid and a.attinhcount > 0 order by i.inhseqno limit 1),
    'comment', col_description(c.oid, a.attnum))
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
join pg_type t on t.oid = a.atttypid
left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
where c.relkind in ('r', 'p') and n.nspname = any (%(schemas)s)
    and not exists (select from pg_depend where classid = 'pg_class'::regclass and objid = c.oid and deptype = 'e')
    and (a.attinhcount = 0 or exists (select from unnest(a.attoptions) o where not starts_with(o, 'pg_'))
        or nullif(a.attstattarget, -1) is not null
        or col_description(c.oid, a.attnum) is not null or exists (
        select from pg_inherits i
        join pg_attribute p on p.attrelid = i.inhparent and p.attname = a.attname
        left join pg_attrdef pd on pd.adrelid = p.attrelid and pd.adnum = p.attnum
        where i.inhrelid = c.oid and (p.attnotnull, p.attstorage, p.attcompression, pg_get_expr(pd.adbin, pd.adrelid))
            is distinct from (a.attnotnull, a.attstorage, a.attcompression, pg_get_expr(d.adbin, d.adrelid))))
order by n.nspname, c.relname, a.attnum
"""

# NOT NULL is told of the column; since PostgreSQL 18 it is a constraint too, whose name nobody chose.
_CONSTRAINTS: Final = """
select n.nspname, c.relname, o.conname, jsonb_build_object(
    'type', case o.contype when 'p' then 'primary key' when 'u' then 'unique' when 'c' then 'check'
        when 'f' then 'foreign key' else 'exclusion' end,
    'definition', regexp_replace(pg_get_constraintdef(o.oid), ' NOT VALID$', ''),
    'validated', o.convalidated,
    'enforcement', (select 'switched off' from pg_trigger t where t.tgconstraint = o.oid and t.tgenabled = 'D' limit 1),
    'expression', pg_get_expr(o.conbin, o.conrelid),
    'columns', (select jsonb_agg(a.attname order by k.place) from unnest(o.conkey) with ordinality k (number, place)
        join pg_attribute a on a.attrelid = c.oid and a.attnum = k.number),
    'storage parameters', (select jsonb_agg(p order by p) from pg_class x, unnest(x.reloptions) p
        where x.oid = o.conindid and o.contype in ('p', 'u', 'x')),
    'comment', obj_description(o.oid, 'pg_constraint'))
from pg_constraint o
join pg_class c on c.oid = o.conrelid
join pg_namespace n on n.oid = c.relnamespace
where o.contype in ('p', 'u', 'c', 'f', 'x') and o.conparentid = 0 and o.coninhcount = 0
    and n.nspname = any (%(schemas)s)
    and not exists (select from pg_depend where classid = 'pg_class'::regclass and objid = c.oid and deptype = 'e')
"""

_INDEXES: Final = """
select n.nspname, c.relname, x.relname, jsonb_build_object(
    'definition', pg_get_indexdef(i.indexrelid),
    'predicate', pg_get_expr(i.indpred, i.indrelid),
    'unique', i.indisunique,
    'valid', i.indisvalid,
    'statistics', (select jsonb_agg(jsonb_build_array(a.attnum, a.attstattarget) order by a.attnum) from pg_attribute a
        where a.attrelid = x.oid and coalesce(a.attstattarget, -1) <> -1),
    'comment', obj_description(x.oid, 'pg_class'))
from pg_index i
join pg_class x on x.oid = i.indexrelid
join pg_class c on c.oid = i.indrelid
join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'm') and n.nspname = any (%(schemas)s)
    and not exists (select from pg_constraint o where o.conindid = i.indexrelid and o.contype in ('p', 'u', 'x'))
    and not exists (select from pg_inherits h where h.inhrelid = i.indexrelid)
    and not exists (select from pg_depend where classid = 'pg_class'::regclass and objid = c.oid and deptype = 'e')
"""

_STATISTICS: Final = """
select n.nspname, c.relname, s.stxname, jsonb_build_object(
    'definition', pg_get_statisticsobjdef(s.oid),
    'comment', obj_description(s.oid, 'pg_statistic_ext'))
from pg_statistic_ext s join pg_class c on c.oid = s.stxrelid join pg_namespace n on n.oid = c.relnamespace
where n.nspname = any (%(schemas)s)
"""

QUERIES: Final = (
    (Kind.TABLE, _TABLES),
    (Kind.COLUMN, _COLUMNS),
    (Kind.CONSTRAINT, _CONSTRAINTS),
    (Kind.INDEX, _INDEXES),
    (Kind.STATISTICS, _STATISTICS),
)
