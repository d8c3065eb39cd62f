"""What PostgreSQL's own catalogue says of a schema, as things with facts: two databases are compared by it.

Every text in it was written by PostgreSQL itself, so that two ways of saying one thing are one text.
"""

from fairlead.db.migrating.revisions import DEFAULT_SCHEMA
from fairlead.toolkit.catalogue.read import catalogue_now, read_catalogue
from fairlead.toolkit.catalogue.thing import Catalogue, Key, Kind, Thing, qualified

__all__ = ["DEFAULT_SCHEMA", "Catalogue", "Key", "Kind", "Thing", "catalogue_now", "qualified", "read_catalogue"]
