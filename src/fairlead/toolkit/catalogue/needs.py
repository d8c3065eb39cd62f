"""How the catalogue is asked what is built on what, as PostgreSQL itself notes it when something is made.

A body that is a text (of a function in PL/pgSQL) is read by PostgreSQL when it runs, so that nothing is noted of it.

Things and notes are asked for apart and brought together here: PostgreSQL takes what nobody analyzed, as the catalogue
of a new database is, for a few rows, and compares each with each, for half a second.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection

from fairlead.toolkit.catalogue.thing import Key, Kind

# What PostgreSQL was made with has smaller identities. A table's columns have their number for a part, all else has 0.
_OWN: Final = 16384

# Each row: where in the catalogue it stands, and what it is called. A view's columns are the view.
_THINGS: Final = """
select class::oid, id, part, kind, schema, tab, name from (
    select 'pg_class'::regclass, c.oid, 0, case when c.relkind in ('v', 'm') then 'view' else 'table' end,
        n.nspname, case when c.relkind in ('v', 'm') then '' else c.relname end, c.relname
    from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind in ('r', 'p', 'f', 'v', 'm')
    union all
    select 'pg_class'::regclass, c.oid, a.attnum, case when c.relkind in ('v', 'm') then 'view' else 'column' end,
        n.nspname, case when c.relkind in ('v', 'm') then '' else c.relname end,
        case when c.relkind in ('v', 'm') then c.relname else a.attname end
    from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid
    where c.relkind in ('r', 'p', 'f', 'v', 'm') and a.attnum > 0 and not a.attisdropped
    union all
    select 'pg_class'::regclass, x.oid, 0, case when o.oid is null then 'index' else 'constraint' end, n.nspname,
        c.relname, coalesce(o.conname, x.relname)
    from pg_index i join pg_class x on x.oid = i.indexrelid join pg_class c on c.oid = i.indrelid
        join pg_namespace n on n.oid = c.relnamespace
        left join pg_constraint o on o.conindid = x.oid and o.contype in ('p', 'u', 'x')
    union all
    select 'pg_type'::regclass, t.oid, 0, case when c.relkind in ('v', 'm') then 'view' else 'table' end,
        n.nspname, case when c.relkind in ('v', 'm') then '' else c.relname end, c.relname
    from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_type r on r.oid = c.reltype
        join pg_type t on t.oid in (r.oid, r.typarray)
    where c.relkind in ('r', 'p', 'f', 'v', 'm')
    union all
    select 'pg_type'::regclass, x.oid, 0, case t.typtype when 'e' then 'enum' when 'd' then 'domain'
        when 'r' then 'range type' else 'composite type' end, n.nspname, '', t.typname
    from pg_type t join pg_type x on x.oid in (t.oid, t.typarray) join pg_namespace n on n.oid = t.typnamespace
        left join pg_class c on c.oid = t.typrelid
    where t.typtype in ('e', 'd', 'r') or c.relkind = 'c'
    union all
    select 'pg_class'::regclass, c.oid, a.attnum, 'composite type', n.nspname, '', c.relname
    from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid
    where c.relkind = 'c' and a.attnum > 0
    union all
    select 'pg_constraint'::regclass, o.oid, 0, 'domain', n.nspname, '', t.typname
    from pg_constraint o join pg_type t on t.oid = o.contypid join pg_namespace n on n.oid = t.typnamespace
    union all
    select 'pg_attrdef'::regclass, d.oid, 0, 'column', n.nspname, c.relname, a.attname
    from pg_attrdef d join pg_class c on c.oid = d.adrelid join pg_namespace n on n.oid = c.relnamespace
        join pg_attribute a on a.attrelid = d.adrelid and a.attnum = d.adnum
    union all
    select 'pg_constraint'::regclass, o.oid, 0, 'constraint', n.nspname, c.relname, o.conname
    from pg_constraint o join pg_class c on c.oid = o.conrelid join pg_namespace n on n.oid = c.relnamespace
    where o.contype in ('p', 'u', 'c', 'f', 'x')
    union all
    select 'pg_rewrite'::regclass, r.oid, 0, case r.rulename when '_RETURN' then 'view' else 'rule' end, n.nspname,
        case r.rulename when '_RETURN' then '' else c.relname end,
        case r.rulename when '_RETURN' then c.relname else r.rulename end
    from pg_rewrite r join pg_class c on c.oid = r.ev_class join pg_namespace n on n.oid = c.relnamespace
    union all
    select 'pg_trigger'::regclass, t.oid, 0, 'trigger', n.nspname, c.relname, t.tgname
    from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace
    where not t.tgisinternal
    union all
    select 'pg_policy'::regclass, p.oid, 0, 'policy', n.nspname, c.relname, p.polname
    from pg_policy p join pg_class c on c.oid = p.polrelid join pg_namespace n on n.oid = c.relnamespace
    union all
    select 'pg_statistic_ext'::regclass, s.oid, 0, 'statistics', n.nspname, c.relname, s.stxname
    from pg_statistic_ext s join pg_class c on c.oid = s.stxrelid join pg_namespace n on n.oid = c.relnamespace
    union all
    select 'pg_publication_rel'::regclass, r.oid, 0, 'publication', '', '', p.pubname
    from pg_publication_rel r join pg_publication p on p.oid = r.prpubid
    union all
    select 'pg_proc'::regclass, p.oid, 0, 'function', n.nspname, '',
        format('%%I(%%s)', p.proname, pg_get_function_identity_arguments(p.oid))
    from pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname = any (%(schemas)s)
) things (class, id, part, kind, schema, tab, name)
where id >= %(own)s
"""

_NOTES: Final = """
select classid, objid, objsubid, refclassid, refobjid, refobjsubid from pg_depend
where deptype in ('n', 'a', 'i') and objid >= %(own)s and refobjid >= %(own)s
"""


def read_needs(connection: Connection, schemas: list[str]) -> dict[Key, frozenset[Key]]:
    """Return what each thing of the schemas needs, asked in the connection's transaction."""
    things = {
        (row[0], row[1], row[2]): Key(Kind(row[3]), *row[4:])
        for row in connection.exec_driver_sql(_THINGS, {"schemas": schemas, "own": _OWN})
    }
    needs: dict[Key, set[Key]] = {}
    for row in connection.exec_driver_sql(_NOTES, {"own": _OWN}):
        thing, needed = things.get((row[0], row[1], row[2])), things.get((row[3], row[4], row[5]))
        if thing and needed and thing != needed and thing.schema in {*schemas, ""}:
            needs.setdefault(thing, set()).add(needed)
    return {key: frozenset(needed) for key, needed in needs.items()}
