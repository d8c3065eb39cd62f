"""How the catalogue is asked for schemas, extensions, types and sequences.

Each query gives schema, table (here empty), name and the facts as JSON.
"""

from __future__ import annotations

from typing import Final

from fairlead.toolkit.catalogue.tables import OWNER
from fairlead.toolkit.catalogue.thing import Kind

_TYPE_OWNER: Final = OWNER.replace("{owner}", "t.typowner")
_NO_MEMBER: Final = """
    and not exists (select from pg_depend where classid = 'pg_type'::regclass and objid = t.oid and deptype = 'e')
"""

_SCHEMAS: Final = """
select n.nspname, '', n.nspname, jsonb_build_object(
    'owner', case when n.nspname <> 'public' then {owner} end,
    'comment', case when n.nspname <> 'public' then obj_description(n.oid, 'pg_namespace') end)
from pg_namespace n where n.nspname = any (%(schemas)s)
""".replace("{owner}", OWNER.replace("{owner}", "n.nspowner"))

_EXTENSIONS: Final = """
select '', '', e.extname, jsonb_build_object('schema', case when n.nspname <> 'public' then n.nspname end)
from pg_extension e join pg_namespace n on n.oid = e.extnamespace
where e.extname <> 'plpgsql' and cardinality(%(schemas)s::text[]) > 0
"""

_ENUMS: Final = (
    """
select n.nspname, '', t.typname, jsonb_build_object(
    'values', (select jsonb_agg(enumlabel order by enumsortorder) from pg_enum where enumtypid = t.oid),
    'owner', {owner},
    'comment', obj_description(t.oid, 'pg_type'))
from pg_type t join pg_namespace n on n.oid = t.typnamespace
where t.typtype = 'e' and n.nspname = any (%(schemas)s)
""".replace("{owner}", _TYPE_OWNER)
    + _NO_MEMBER
)

_DOMAINS: Final = (
    """
select n.nspname, '', t.typname, jsonb_build_object(
    'type', format_type(t.typbasetype, t.typtypmod),
    'collation', case when t.typcollation <> b.typcollation then t.typcollation::regcollation::text end,
    'nullable', not t.typnotnull,
    'default', t.typdefault,
    'checks', (select jsonb_object_agg(conname, pg_get_constraintdef(oid)) from pg_constraint
        where contypid = t.oid and contype = 'c'),
    'check comments', (select jsonb_object_agg(conname, obj_description(oid, 'pg_constraint')) from pg_constraint
        where contypid = t.oid and contype = 'c' and obj_description(oid, 'pg_constraint') is not null),
    'owner', {owner},
    'comment', obj_description(t.oid, 'pg_type'))
from pg_type t join pg_namespace n on n.oid = t.typnamespace join pg_type b on b.oid = t.typbasetype
where t.typtype = 'd' and n.nspname = any (%(schemas)s)
""".replace("{owner}", _TYPE_OWNER)
    + _NO_MEMBER
)

_COMPOSITES: Final = (
    """
select n.nspname, '', t.typname, jsonb_build_object(
    'attributes', (select jsonb_agg(format('%%I %%s', a.attname, format_type(a.atttypid, a.atttypmod))
        order by a.attnum) from pg_attribute a where a.attrelid = t.typrelid and not a.attisdropped),
    'column comments', (select jsonb_object_agg(a.attname, col_description(c.oid, a.attnum)) from pg_attribute a
        where a.attrelid = c.oid and col_description(c.oid, a.attnum) is not null),
    'owner', {owner},
    'comment', obj_description(t.oid, 'pg_type'))
from pg_type t join pg_namespace n on n.oid = t.typnamespace join pg_class c on c.oid = t.typrelid
where t.typtype = 'c' and c.relkind = 'c' and n.nspname = any (%(schemas)s)
""".replace("{owner}", _TYPE_OWNER)
    + _NO_MEMBER
)

_RANGES: Final = (
    """
select n.nspname, '', t.typname, jsonb_build_object(
    'subtype', format_type(r.rngsubtype, null),
    'collation', nullif(r.rngcollation, 0)::regcollation::text,
    'owner', {owner},
    'comment', obj_description(t.oid, 'pg_type'))
from pg_type t join pg_namespace n on n.oid = t.typnamespace join pg_range r on r.rngtypid = t.oid
where n.nspname = any (%(schemas)s)
""".replace("{owner}", _TYPE_OWNER)
    + _NO_MEMBER
)

_SEQUENCES: Final = """
select n.nspname, '', c.relname, jsonb_build_object(
    'type', format_type(s.seqtypid, null),
    'start', s.seqstart, 'increment', s.seqincrement, 'minimum', s.seqmin, 'maximum', s.seqmax, 'cache', s.seqcache,
    'cycle', s.seqcycle,
    'persistence', case when c.relpersistence = 'u' and not exists (
        select from pg_depend d join pg_class t on t.oid = d.refobjid where d.classid = 'pg_class'::regclass
            and d.objid = c.oid and d.refclassid = 'pg_class'::regclass and d.deptype = 'a' and t.relpersistence = 'u')
        then 'unlogged' end,
    'owned by', (select format('%%s.%%I', d.refobjid::regclass, a.attname) from pg_depend d
        join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
        where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.refclassid = 'pg_class'::regclass
            and d.deptype = 'a'),
    'owner', {owner},
    'comment', obj_description(c.oid, 'pg_class'))
from pg_sequence s join pg_class c on c.oid = s.seqrelid join pg_namespace n on n.oid = c.relnamespace
where n.nspname = any (%(schemas)s) and not exists (
    select from pg_depend where classid = 'pg_class'::regclass and objid = c.oid and deptype in ('e', 'i'))
""".replace("{owner}", OWNER.replace("{owner}", "c.relowner"))

QUERIES: Final = (
    (Kind.SCHEMA, _SCHEMAS),
    (Kind.EXTENSION, _EXTENSIONS),
    (Kind.ENUM, _ENUMS),
    (Kind.COMPOSITE, _COMPOSITES),
    (Kind.RANGE, _RANGES),
    (Kind.DOMAIN, _DOMAINS),
    (Kind.SEQUENCE, _SEQUENCES),
)
