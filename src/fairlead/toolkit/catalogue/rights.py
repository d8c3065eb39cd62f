"""How the catalogue is asked who may do what: policies, and grants on everything that can be granted.

Each query gives schema, table (empty where there is none), name and the facts as JSON. What an owner may do with its
own is not told, nor what PostgreSQL lets everybody do; that some of it was taken away is: as a grant of nothing to
`public`, or to the owner (`current_user`, since whoever changes a thing is its owner) of what is left to it.
The login that a studio made for its run (`fairlead_studio_…`) is a guest, which no migration knows: it is left out.
"""

from __future__ import annotations

from typing import Final

from fairlead.toolkit.catalogue.thing import Kind

_POLICIES: Final = """
select n.nspname, c.relname, p.polname, jsonb_build_object(
    'command', case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete'
        else 'all' end,
    'restrictive', nullif(not p.polpermissive, false),
    'roles', (select jsonb_agg(coalesce(r.rolname, 'public') order by r.rolname) from unnest(p.polroles) o (oid)
        left join pg_roles r on r.oid = o.oid),
    'using', pg_get_expr(p.polqual, p.polrelid),
    'with check', pg_get_expr(p.polwithcheck, p.polrelid),
    'comment', obj_description(p.oid, 'pg_policy'))
from pg_policy p join pg_class c on c.oid = p.polrelid join pg_namespace n on n.oid = c.relnamespace
where n.nspname = any (%(schemas)s)
"""

# One row of `granted` for each thing: its schema, its table, what SQL calls it, its owner, its rights, its defaults; of
# what is to be made, who makes it when that is not the login at work.
_RIGHTS: Final = """
with granted (schema, tab, title, owner, given, usual, maker) as ({things}),
rights as (
    select g.schema, g.tab, g.title, g.maker, x.grantee, lower(x.privilege_type) as privilege, x.is_grantable,
        null::jsonb as usual
    from granted g, aclexplode(coalesce(g.given, g.usual)) x where x.grantee <> g.owner
    union all
    select g.schema, g.tab, g.title, g.maker, 0, null, false, null
    from granted g where exists (select from aclexplode(g.usual) where grantee = 0)
        and not exists (select from aclexplode(coalesce(g.given, g.usual)) where grantee = 0)
    union all
    select g.schema, g.tab, g.title, g.maker, g.owner, lower(x.privilege_type), false, own.usual
    from granted g
    cross join lateral (select jsonb_agg(lower(privilege_type) order by privilege_type) from aclexplode(g.usual)
        where grantee = g.owner) own (usual)
    left join lateral aclexplode(g.given) x on x.grantee = g.owner
    where exists (
        select privilege_type from aclexplode(g.usual) where grantee = g.owner and g.given is not null
        except select privilege_type from aclexplode(g.given) where grantee = g.owner)
)
select schema, tab, {name}, jsonb_build_object(
    'grantee', case when usual is null then coalesce(r.rolname, 'public') else coalesce(maker, 'current_user') end,
    'usual', usual,
    'object', title,
    'made by', maker,
    'privileges', coalesce(jsonb_agg(privilege order by privilege) filter (where privilege is not null), '[]'),
    'grantable', jsonb_agg(privilege order by privilege) filter (where is_grantable))
from rights left join pg_roles r on r.oid = grantee
where not starts_with(coalesce(r.rolname, 'public'), 'fairlead_studio_')
group by schema, tab, title, maker, grantee, r.rolname, usual
having not (grantee = 0 and title ~ '^(function|procedure)' and array_agg(privilege) = '{execute}' and {usual}
    or grantee = 0 and title ~ '^(type|domain)' and array_agg(privilege) = '{usage}' and {usual})
"""
_WHOM: Final = "case when usual is null then coalesce(r.rolname, 'public') else 'its owner' end || ' on ' || title"
_GRANTS: Final = _RIGHTS.replace("{name}", _WHOM).replace("{usual}", "true")
_DEFAULT_GRANTS: Final = _RIGHTS.replace("{name}", f"{_WHOM} || coalesce(' of ' || maker, '')").replace(
    "{usual}", "schema = ''"
)

_RELATIONS: Final = """
    select n.nspname, case when c.relkind <> 'S' then c.relname else '' end,
        case when c.relkind = 'S' then 'sequence ' else 'table ' end || c.oid::regclass, c.relowner, c.relacl,
        acldefault(case when c.relkind = 'S' then 's'::"char" else 'r' end, c.relowner), null
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S') and n.nspname = any (%(schemas)s)
        and not exists (select from pg_depend where classid = 'pg_class'::regclass and objid = c.oid and deptype = 'e')
    union all
    select n.nspname, c.relname, format('column %%s.%%I', c.oid::regclass, a.attname), c.relowner, a.attacl,
        acldefault('c', c.relowner), null
    from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
    where a.attacl is not null and not a.attisdropped and n.nspname = any (%(schemas)s)
"""

_OTHERS: Final = """
    select n.nspname, '', case p.prokind when 'p' then 'procedure ' else 'function ' end || p.oid::regprocedure,
        p.proowner, p.proacl, acldefault('f', p.proowner), null
    from pg_proc p join pg_namespace n on n.oid = p.pronamespace
    where n.nspname = any (%(schemas)s)
        and not exists (select from pg_depend where classid = 'pg_proc'::regclass and objid = p.oid
            and deptype in ('e', 'i'))
    union all
    select n.nspname, '', case t.typtype when 'd' then 'domain ' else 'type ' end || t.oid::regtype, t.typowner,
        t.typacl, acldefault('T', t.typowner), null
    from pg_type t join pg_namespace n on n.oid = t.typnamespace
    where t.typtype in ('e', 'd', 'r') and n.nspname = any (%(schemas)s)
        and not exists (select from pg_depend where classid = 'pg_type'::regclass and objid = t.oid and deptype = 'e')
    union all
    select n.nspname, '', format('schema %%I', n.nspname), n.nspowner, n.nspacl,
        acldefault('n', n.nspowner), null
    from pg_namespace n where n.nspname = any (%(schemas)s)
"""

# Those of a schema are in addition to those of every schema, which stand in place of PostgreSQL's own.
_DEFAULTS: Final = """
    select coalesce(n.nspname, ''), '', case d.defaclobjtype when 'r' then 'tables' when 'S' then 'sequences'
        when 'f' then 'functions' when 'T' then 'types' when 'n' then 'schemas' else 'large objects' end, d.defaclrole,
        d.defaclacl, case when n.nspname is null then
            acldefault(case d.defaclobjtype when 'S' then 's' else d.defaclobjtype end, d.defaclrole) end,
        nullif(o.rolname, current_user)
    from pg_default_acl d join pg_roles o on o.oid = d.defaclrole left join pg_namespace n on n.oid = d.defaclnamespace
    where n.nspname is null or n.nspname = any (%(schemas)s)
"""

QUERIES: Final = (
    (Kind.POLICY, _POLICIES),
    (Kind.GRANT, _GRANTS.replace("{things}", _RELATIONS)),
    (Kind.GRANT, _GRANTS.replace("{things}", _OTHERS)),
    (Kind.DEFAULT_GRANT, _DEFAULT_GRANTS.replace("{things}", _DEFAULTS)),
)
