"""Adopting a database that exists already: it is said to stand at a revision when it looks as one that does."""

from __future__ import annotations

from typing import Final

from alembic.script import ScriptDirectory

from fairlead.db.migrating import revisions
from fairlead.toolkit.catalogue import Kind, read_catalogue
from fairlead.toolkit.change import changes, telling
from fairlead.toolkit.environment import connected
from fairlead.toolkit.runner import migrations_of
from fairlead.toolkit.shadow import shadow
from fairlead.toolkit.target import Target

_NOT_COMPARED: Final = {Kind.GRANT, Kind.DEFAULT_GRANT}  # who may what is each installation's own


def unlike(url: str, target: Target, *, server_url: str, revision: str) -> list[str]:
    """Return, as sentences, in what the database differs from one that the migrations brought to `revision`.

    That one is made on `server_url` and dropped. Raises MigrationsInvalid when there is no such revision.
    """
    name = _name(revisions.read(migrations_of(target)), revision)
    with shadow(server_url, target, revision=name) as built, connected(built) as wanted, connected(url) as connection:
        expected, found = read_catalogue(wanted, target), read_catalogue(connection, target)
    different = (change for change in telling(changes(found, expected)) if change.kind not in _NOT_COMPARED)
    return [
        change.sentence("the database").replace("declared by the models", f"part of {name}") for change in different
    ]


def _name(script: ScriptDirectory, revision: str) -> str:
    """Return a revision's whole name, for the start of one or `head`; `base` for that."""
    with revisions.sensible():
        known = list(filter(None, script.get_revisions(revision)))
    return known[0].revision if known else "base"
