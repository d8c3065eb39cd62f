"""The walls between organizations: roles that row security binds, a login that may become them, no open table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from fairlead.toolkit.doctor.finding import Check, Condition, Finding, Severity
from fairlead.toolkit.doctor.installation import APP_ROLE, ROLES, TABLES, need_installation, need_tables
from fairlead.toolkit.doctor.patient import Patient

ROLE_MISSING: Final = Condition(
    "role-missing",
    Severity.ERROR,
    "A role that transactions run as is not there.",
    "Run 'fairlead db migrate'; its error message says what an administrator has to do where the login may not.",
)
ROLE_UNBOUND: Final = Condition(
    "role-bypasses-row-security",
    Severity.ERROR,
    "A role that transactions run as is a superuser or has BYPASSRLS: every organization sees every row.",
    "alter role … nosuperuser nobypassrls;",
)
LOGIN_UNBOUND: Final = Condition(
    "login-bypasses-row-security",
    Severity.WARNING,
    "The login is a superuser or has BYPASSRLS. Its transactions take a role that row security binds, but whoever gets "
    "hold of its password needs no role.",
    "Give Fairlead a login of its own: create role … login nosuperuser nobypassrls createrole;",
)
LOGIN_STUCK: Final = Condition(
    "login-cannot-set-role",
    Severity.ERROR,
    "The login may not take a role that its transactions run as.",
    f"Let an administrator run: grant {', '.join(ROLES)} to … with admin option;",
)
ROLE_WIDENED: Final = Condition(
    "role-widened",
    Severity.ERROR,
    "The application's role is a member of another one, and row security shows it what that one sees.",
    f"revoke … from {APP_ROLE};",
)
ROW_SECURITY_OFF: Final = Condition(
    "row-security-off",
    Severity.ERROR,
    "Row security of one of Fairlead's tables or partitions is not enabled and forced.",
    "alter table … enable row level security, force row level security;",
)
POLICY_UNKNOWN: Final = Condition(
    "policy-unknown",
    Severity.ERROR,
    "A policy that Fairlead does not declare shows rows to the application's role.",
    "Find out who made it; drop policy … on …;",
)
GRANTED_BY_DEFAULT: Final = Condition(
    "default-privileges-open",
    Severity.WARNING,
    "Tables to come are open to the application's role, or to everybody, in the moment they are made.",
    "alter default privileges … revoke …; and grant on each table what it needs.",
)

_TABLES: Final = """
    select c.oid, c.relname, c.relrowsecurity and c.relforcerowsecurity as forced
    from pg_class c
    where c.relkind in ('r', 'p') and c.relnamespace = to_regnamespace('public') and (c.relname = any (:tables)
        or exists (select from pg_inherits h join pg_class p on p.oid = h.inhparent
            where h.inhrelid = c.oid and p.relname = any (:tables) and p.relnamespace = c.relnamespace))
"""


def _look_at_roles(patient: Patient) -> Iterator[Finding]:
    need_installation(patient)
    known = {
        row.rolname: row
        for row in patient.rows(
            "select rolname, rolsuper, rolbypassrls from pg_roles where rolname = any (:names)", names=list(ROLES)
        )
    }
    for name in ROLES:
        if name not in known:
            yield ROLE_MISSING.found(f"There is no role {name}.", subject=name)
        elif known[name].rolsuper or known[name].rolbypassrls:
            what = "a superuser" if known[name].rolsuper else "free of row security (BYPASSRLS)"
            yield ROLE_UNBOUND.found(
                f"The role {name} is {what}.", subject=name, remedy=f"alter role {name} nosuperuser nobypassrls;"
            )
    yield from _memberships(patient)


def _memberships(patient: Patient) -> Iterator[Finding]:
    widened = patient.rows(
        """
        select r.rolname from pg_roles a join pg_roles r on r.oid <> a.oid and pg_has_role(a.oid, r.oid, 'MEMBER')
        where a.rolname = :role and not a.rolsuper
        order by 1
        """,
        role=APP_ROLE,
    )
    for (role,) in widened:
        yield ROLE_WIDENED.found(
            f"The role {APP_ROLE} is a member of {role}.", subject=role, remedy=f'revoke "{role}" from {APP_ROLE};'
        )


def _look_at_login(patient: Patient) -> Iterator[Finding]:
    need_installation(patient)
    login = patient.rows("select rolname, rolsuper, rolbypassrls from pg_roles where rolname = session_user")[0]
    if login.rolsuper or login.rolbypassrls:
        what = "a superuser" if login.rolsuper else "free of row security (BYPASSRLS)"
        yield LOGIN_UNBOUND.found(f"The login {login.rolname} is {what}.", subject=login.rolname)
    # A membership says since PostgreSQL 16 whether it lets its holder take the role.
    stuck = patient.rows(
        """
        select r.rolname from pg_roles r
        where r.rolname = any (:names) and not pg_has_role(session_user, r.oid,
            case when cast(current_setting('server_version_num') as int) >= 160000 then 'SET' else 'MEMBER' end)
        order by 1
        """,
        names=list(ROLES),
    )
    for (role,) in stuck:
        yield LOGIN_STUCK.found(
            f"The login {login.rolname} may not take the role {role}.",
            subject=role,
            remedy=f'Let an administrator run: grant {role} to "{login.rolname}" with admin option;',
        )


def _look_at_tables(patient: Patient) -> Iterator[Finding]:
    need_tables(patient)
    for _, name, forced in patient.rows(_TABLES, tables=list(TABLES)):
        if not forced:
            yield ROW_SECURITY_OFF.found(
                f"Row security of the table {name} is not both enabled and forced.",
                subject=name,
                remedy=f"alter table {name} enable row level security; alter table {name} force row level security;",
            )


def _look_at_policies(patient: Patient) -> Iterator[Finding]:
    need_tables(patient)
    unknown = patient.rows(
        f"""
        select t.relname, p.polname
        from pg_policy p join ({_TABLES}) t on t.oid = p.polrelid
        where p.polpermissive and p.polname <> all (array[t.relname || '_system', t.relname || '_tenant',
                t.relname || '_reader', t.relname || '_shared'])
            and exists (select from unnest(p.polroles) r (oid) where r.oid = 0 or pg_has_role(:role, r.oid, 'USAGE'))
        order by 1, 2
        """,  # noqa: S608 - our own text
        tables=list(TABLES),
        role=APP_ROLE,
    )
    for table, policy in unknown:
        yield POLICY_UNKNOWN.found(
            f"The policy {policy} shows rows of {table} to {APP_ROLE}.",
            subject=f"{table}.{policy}",
            remedy=f'Find out who made it; drop policy "{policy}" on {table};',
        )


def _look_at_defaults(patient: Patient) -> Iterator[Finding]:
    open_ones = patient.rows(
        """
        select cast(cast(d.defaclrole as regrole) as text), coalesce(n.nspname, 'every schema'),
            coalesce(r.rolname, 'PUBLIC'), string_agg(lower(g.privilege_type), ', ' order by g.privilege_type)
        from pg_default_acl d
        left join pg_namespace n on n.oid = d.defaclnamespace
        cross join aclexplode(d.defaclacl) g
        left join pg_roles r on r.oid = g.grantee
        where d.defaclobjtype = 'r' and g.grantee <> d.defaclrole and (g.grantee = 0 or r.rolname = :role)
        group by 1, 2, 3 order by 1, 2, 3
        """,
        role=APP_ROLE,
    )
    for maker, schema, grantee, privileges in open_ones:
        place = "" if schema == "every schema" else f" in schema {schema}"
        yield GRANTED_BY_DEFAULT.found(
            f"Tables that {maker} makes in {schema} give {privileges} to {grantee}.",
            subject=f"{maker}, {schema}",
            remedy=f"alter default privileges for role {maker}{place} revoke {privileges} on tables from {grantee};",
        )


CHECKS: Final = (
    Check(_look_at_roles, (ROLE_MISSING, ROLE_UNBOUND, ROLE_WIDENED)),
    Check(_look_at_login, (LOGIN_UNBOUND, LOGIN_STUCK)),
    Check(_look_at_tables, (ROW_SECURITY_OFF,)),
    Check(_look_at_policies, (POLICY_UNKNOWN,)),
    Check(_look_at_defaults, (GRANTED_BY_DEFAULT,)),
)
