"""Reading the catalogue of one database: every thing of the target's schemas, in one transaction.

Left out is what no model declares: the version table, members of extensions, and what PostgreSQL makes by itself for
something else (the index of a constraint, the sequence of an identity column, whatever a partition has from its table);
nor what a running studio's own login may read.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Connection

from fairlead.db.migrating.revisions import DEFAULT_SCHEMA
from fairlead.toolkit.catalogue import code, named_types, rights, tables
from fairlead.toolkit.catalogue.expressions import settled
from fairlead.toolkit.catalogue.needs import read_needs
from fairlead.toolkit.catalogue.thing import Catalogue, Key, Thing
from fairlead.toolkit.target import Target

_PASSING: Final = "fairlead_studio_"  # logins of studio, which are gone when it is
_QUERIES: Final = (*named_types.QUERIES, *tables.QUERIES, *code.QUERIES, *rights.QUERIES)


def read_catalogue(connection: Connection, target: Target) -> Catalogue:
    """Return everything in the target's schemas; the connection must be in no transaction, and is left in none."""
    with connection.begin():
        return catalogue_now(connection, target)


def catalogue_now(connection: Connection, target: Target) -> Catalogue:
    """Return the same as seen in the connection's transaction, whose search path is the default schema then."""
    schemas = list(target.schemas or (DEFAULT_SCHEMA,))
    version = {(target.version_schema or schema, target.version_table) for schema in schemas}
    found: dict[Key, Thing] = {}
    connection.exec_driver_sql(f"set local search_path = {DEFAULT_SCHEMA}")
    needs = read_needs(connection, schemas)
    for kind, query in _QUERIES:
        for schema, table, name, facts in connection.exec_driver_sql(query, {"schemas": schemas}):
            if (schema, table) not in version and not str(facts.get("grantee", "")).startswith(_PASSING):
                key = Key(kind, schema, table, name)
                found[key] = Thing(key, _given(facts), needs.get(key, frozenset()))
    return found


def _given(facts: dict[str, Any]) -> dict[str, Any]:
    return settled({fact: value for fact, value in facts.items() if value is not None})
