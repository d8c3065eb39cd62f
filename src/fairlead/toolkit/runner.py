"""A target's migrations, for `db/migrating`, which runs them."""

from __future__ import annotations

from dataclasses import replace

from fairlead.db import migrate
from fairlead.db.migrating.revisions import Migrations
from fairlead.toolkit.target import Target


def migrations_of(target: Target) -> Migrations:
    """Return where the target's revisions lie and what they keep in the database."""
    if target.migrations == migrate.OWN.folder:
        return replace(migrate.OWN, version_schema=target.version_schema)
    return Migrations(target.migrations, target.version_table, target.version_schema)
